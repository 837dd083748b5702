"""`<pellucid-exercise>` in Chromium: answers, hints, the solution, the keyboard, progress and accessibility.

One page, with an exercise for each of dW1, db1 and L, serves all tests. Most answers are entered by events in the page,
which take a tenth of the time of Playwright's; `test_the_formula_is_echoed_while_typing` and
`test_the_keyboard_is_enough` press keys.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exercise_pages import DB1, DW1, LOSS, write_page

import pellucid as pel
from pellucid.course import Exercise, check_answer
from pellucid.course.exercise_page import encode_exercise
from tests.conftest import AXE, Pages

RIGHT = "X.T @ ((d2 @ W2.T) * (1 - a1 ** 2)) + lam * W1"
WRONG = "X.T @ (d2 @ W2.T) + lam * W1"
PHONE = {"width": 390, "height": 844}

MAIN = "document.querySelector('main')"
ACT = """
([k, actions]) => {
  const root = document.querySelectorAll("pellucid-exercise")[k].shadowRoot;
  const box = root.querySelector("textarea");
  const listVisible = (selector) => [...root.querySelectorAll(selector)].filter((e) => e.checkVisibility());
  const act = (kind, value) => {
    if (kind === "click") {
      const [button] = listVisible("button:enabled").filter((b) => b.textContent === value);
      button.click();
    }
    if (kind !== "answer") return;
    box.value = value;
    box.dispatchEvent(new InputEvent("input", { bubbles: true }));
    box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
  };
  return actions.map(([kind, value]) => {
    act(kind, value);
    return {
      said: root.querySelector("[role=status]").innerText,
      solved: listVisible(".solved").length > 0,
      buttons: listVisible("button").map((b) => b.textContent),
      disabled: listVisible("button:disabled").map((b) => [b.textContent, b.title]),
      solution: listVisible(".solution").map((e) => e.innerText).join(),
      formulas: root.querySelectorAll(".solution math").length,
      text: box.value,
      invalid: box.getAttribute("aria-invalid"),
      marked: root.querySelector("mark")?.textContent,
    };
  });
}
"""
State = dict[str, Any]


@pytest.fixture(scope="module")
def window(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pages, Any, str]]:
    """The page and the content of its body: opening one takes longer than a test may."""
    folder = tmp_path_factory.mktemp("exercises")
    opened = Pages(browser, folder)
    page = opened.open(write_page(folder / "page.html", DW1, DB1, LOSS), reduced_motion="reduce")
    yield opened, page, page.evaluate(f"{MAIN}.innerHTML")
    opened.close()


@pytest.fixture
def page(window: tuple[Pages, Any, str]) -> Iterator[Any]:
    """The page with new exercises and without progress."""
    opened, page, content = window
    page.evaluate("localStorage.clear()")
    page.evaluate(f"(content) => {{ {MAIN}.innerHTML = content; }}", content)
    yield page
    errors = list(opened.errors)
    opened.errors.clear()
    assert errors == []


def act(page: Any, *actions: tuple[str, str], k: int = 0) -> list[State]:
    """Answer an exercise, or click buttons that are visible and enabled; return what it shows after each action."""
    return list(page.evaluate(ACT, [k, actions]))


def answer(page: Any, *texts: str, k: int = 0) -> list[State]:
    """Type formulas, press Enter after each, and return what the exercise shows."""
    return act(page, *(("answer", text) for text in texts), k=k)


def look(page: Any, k: int = 0) -> State:
    return act(page, ("look", ""), k=k)[0]


def find(page: Any, k: int = 0) -> Any:
    return page.locator("pellucid-exercise").nth(k)


RIGHT_ANSWERS = [
    RIGHT,
    "dW1 = np.dot(X.T, d2 @ W2.T - (d2 @ W2.T) * np.square(tanh(z1))) + W1 * lam",
    "((W2 @ d2.T) * (1 \N{MINUS SIGN} a1.T²) @ X).T + 0.3 \N{MULTIPLICATION SIGN} W1",
    "(X[:, :, None] * ((d2 @ W2.T) * (1 + a1) * (1 - a1))[:, None, :]).sum(axis=0) + lam * W1",
    RIGHT.replace(" + ", "\n  + "),
]


def test_a_right_answer_in_any_form(page: Any) -> None:
    steps = [step for text in RIGHT_ANSWERS for step in (("answer", text), ("click", "Start over"))]
    states = act(page, *steps)
    for text, state, restarted in zip(RIGHT_ANSWERS, states[::2], states[1::2], strict=True):
        assert "✓ Right. This is dW1." in state["said"], text
        assert "The error goes back through W2" in state["said"]
        assert f"dW1 = {RIGHT}" in state["said"]
        assert state["solved"]
        assert state["buttons"] == ["Check", "Start over"]
        assert not restarted["solved"]


def test_an_outer_axis_of_length_1_does_not_matter(page: Any) -> None:
    [state] = answer(page, "sum((d2 @ W2.T) * (1 - a1 ** 2), axis=0, keepdims=True)", k=1)
    assert "Right" in state["said"]


def test_hints_come_one_by_one(page: Any) -> None:
    first, second, third = (state["said"] for state in answer(page, WRONG, WRONG, WRONG))
    assert "A factor is missing in dW1: the derivative of the activation." in first
    assert "Try again. Your next try shows a hint." in first
    assert "What is the derivative" not in first
    assert "What is the derivative of tanh(z1)?" in second
    assert "It is 1 - a1 ** 2" not in second
    assert "Your next try shows one more hint." in second
    assert "It is 1 - a1 ** 2" in third
    assert "next try" not in third


WRONG_ANSWERS = [
    (0, "X.T @ ((d2 @ W2.T) * (1 - a1)) + lam * W1", "The derivative of tanh is not 1 - a1."),
    (0, RIGHT.replace("X.T @", "X.T @ -"), "No entry agrees with dW1. The largest difference is"),
    (
        0,
        f"({RIGHT}) * (arange(4) != 1)",
        "6 of 8 entries agree with dW1: columns 1, 3, and 4. The largest difference is",
    ),
    (0, f"({RIGHT}) * (arange(2)[:, None] > 0)", "4 of 8 entries agree with dW1: row 2. The largest difference is"),
    (0, f"-({RIGHT})", "Your result has the opposite sign of the right one."),
    (0, f"2 * ({RIGHT})", "Your result is 2 times the right one."),
    (1, "mean((d2 @ W2.T) * (1 - a1 ** 2), axis=0)", "Your result is 1/5 (that is 1 / n) times the right one."),
    (1, "1 + sum((d2 @ W2.T) * (1 - a1 ** 2), axis=0)", "is larger than that of db1 by the same number, 1."),
    (1, "sum((d2 @ W2.T) * (1 - a1 ** 2), axis=1)", "Your result has shape (5,); db1 has shape (4,)."),
    (1, "sum(d2)", "Your result is a single number; db1 has shape (4,)."),
    (1, "W2 @ d2", "W2 @ d2: W2 has shape (4, 3) and d2 (5, 3)."),
    (2, "-sum(log(p[arange(n), y]))", "You sum where the mean belongs"),
    (2, "log(0 * p).mean()", "Your result has entries that are not finite."),
    (2, "2 - mean(log(p[arange(n), y]))", "That is off by 2."),
    (2, "-2 * mean(log(p[arange(n), y]))", "Your result is 2 times the right one."),
    (0, f"0.7 * ({RIGHT})", "Your result is 0.7 times the right one."),
]
"""Number of the exercise, answer, and part of the feedback."""


def test_a_wrong_answer_is_explained(page: Any) -> None:
    for k in range(3):
        cases = [(text, said) for number, text, said in WRONG_ANSWERS if number == k]
        for (text, said), state in zip(cases, answer(page, *(text for text, _ in cases), k=k), strict=True):
            assert state["said"].startswith("Not yet."), text
            assert said in state["said"], text
            assert not state["solved"], text


def test_a_text_that_is_no_formula_is_marked(page: Any) -> None:
    [state] = answer(page, "X.T @ (d2 W2)")
    assert state["said"].startswith("This cannot be read as a formula yet.")
    assert "There is no operator between d2 and W2. Write d2 * W2, or d2 @ W2 for a matrix product" in state["said"]
    assert state["marked"] == "W2"
    assert state["invalid"] == "true"
    page.evaluate(
        "const box = document.querySelector('pellucid-exercise').shadowRoot.querySelector('textarea');"
        "box.value = 'X'; box.dispatchEvent(new InputEvent('input'))"
    )
    assert look(page)["invalid"] is None
    assert "Unknown letter 'W3'" in answer(page, "W3")[0]["said"]
    assert answer(page, "", k=1)[0]["said"].endswith("The formula is empty: write for example X @ W1 (character 1).")


def test_messages_are_text(page: Any) -> None:
    [state] = answer(page, "<img src=x onerror=alert(1)>")
    assert "Something is missing before <" in state["said"]
    assert page.locator("pellucid-exercise img").count() == 0


def test_the_formula_is_echoed_while_typing(page: Any) -> None:
    exercise = find(page)
    echo = exercise.locator("#echo")
    assert echo.inner_text() == "Write a formula, then press Enter."
    exercise.locator("textarea").press_sequentially("a1*d")
    assert echo.inner_text() == "pellucid reads: …"
    page.keyboard.press("2")
    assert echo.locator("math msub").count() == 2
    assert "⊙" in echo.inner_text()
    exercise.locator("textarea").fill("lam * W1")
    assert "⋅" in echo.inner_text()


@pytest.mark.slow
def test_a_text_that_is_no_formula_is_explained_after_a_pause(page: Any) -> None:
    find(page).locator("textarea").fill("X^2")
    find(page).locator("#echo").get_by_text("Write ** for a power").wait_for()


def test_the_solution_is_shown_after_a_try(page: Any) -> None:
    assert look(page)["disabled"] == [["Show the solution", "Available after your first try"]]
    tried, shown, hidden = act(page, ("answer", "X"), ("click", "Show the solution"), ("click", "Hide the solution"))
    assert tried["disabled"] == []
    assert tried["solution"] == ""
    assert "dW1 = X.T @" in shown["solution"]
    assert shown["formulas"] == 1
    assert hidden["solution"] == ""


def test_progress_is_kept_until_started_over(page: Any) -> None:
    answer(page, WRONG, RIGHT, "X")
    answer(page, "-sum(log(p[arange(n), y]))", k=2)
    page.reload()
    first, second, third = (look(page, k) for k in range(3))
    assert (first["solved"], first["text"]) == (True, RIGHT)
    assert (third["solved"], third["text"]) == (False, "-sum(log(p[arange(n), y]))")
    assert "Start over" not in second["buttons"]
    [state] = act(page, ("click", "Start over"))
    assert (state["solved"], state["text"]) == (False, "")
    page.reload()
    assert not look(page)["solved"]
    assert "next try shows a hint" in answer(page, WRONG)[0]["said"]


def test_letters_are_listed_with_shapes_and_values(page: Any) -> None:
    summary, listed, notation = page.evaluate("""
      const root = document.querySelector("pellucid-exercise").shadowRoot;
      root.querySelector("details").open = true;
      ["summary", "dl", "details"].map((name) => root.querySelector(name).innerText)
    """)
    assert summary == "You may use X, y, W1, b1, z1, a1, W2, p, d2, n, lam"
    assert "inputs, one row for each of the 5 points · here (5, 2)" in listed
    assert "class of each point · whole numbers, here (5,)" in listed
    assert "regularization strength · 0.3" in listed
    assert "@ for matrix products" in notation


def test_the_keyboard_is_enough(page: Any) -> None:
    answer(page, WRONG)
    page.reload()
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.shadowRoot.activeElement.textContent.slice(0, 7)"))
    assert reached == ["You may", "", "Check", "Show th", "Start o"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    assert "What is the derivative" in look(page)["said"]
    get_height = "document.activeElement.shadowRoot.activeElement.offsetHeight"
    page.keyboard.press("Shift+Tab")
    before = page.evaluate(get_height)
    page.keyboard.press("Shift+Enter")
    assert page.evaluate(get_height) > before


def test_an_exercise_follows_the_theme(page: Any) -> None:
    get_color = (
        "document.querySelector('pellucid-exercise').shadowRoot.firstChild.style.getPropertyValue('--background')"
    )
    assert page.evaluate(get_color) == "#ffffff"
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"{get_color} === '#111418'")
    page.evaluate("delete document.documentElement.dataset.theme")


def answer_with_long_texts(page: Any) -> None:
    """Fill a narrow page with long formulas, and open what is folded away."""
    answer(page, RIGHT + " + 0 * X.T @ ((d2 @ W2.T) * (1 - a1 ** 2))" * 2)
    answer(page, "X.T d2" + "+ thisIsAVeryLongNameWithoutAnySpaces" * 3, k=1)
    act(page, ("answer", "-sum(log(p[arange(n), y]))"), ("click", "Show the solution"), k=2)
    page.evaluate(
        "for (const e of document.querySelectorAll('pellucid-exercise'))"
        "e.shadowRoot.querySelector('details').open = true"
    )


def test_nothing_is_cut_off_or_too_small_on_a_phone(page: Any) -> None:
    desktop = page.viewport_size
    page.set_viewport_size(PHONE)
    answer_with_long_texts(page)
    animation, width, heights = page.evaluate("""
      const root = document.querySelector("pellucid-exercise").shadowRoot;
      [
        getComputedStyle(root.querySelector(".feedback")).animationName,
        document.documentElement.scrollWidth,
        [...root.querySelectorAll("button, summary")].map((e) => e.offsetHeight).filter(Boolean),
      ]
    """)
    page.set_viewport_size(desktop)
    assert animation == "none"  # as the reader has asked for
    assert width <= 390
    assert len(heights) == 3
    assert min(heights) >= 24


@pytest.mark.slow
def test_axe_finds_nothing(pages: Pages, tmp_path: Path) -> None:
    file = write_page(tmp_path / "page.html", DW1, DB1, LOSS)
    page = pages.open(file, color_scheme="dark", viewport=PHONE, bypass_csp=True, reduced_motion="reduce")
    answer_with_long_texts(page)
    page.add_script_tag(content=AXE)
    assert run_axe(page) == []
    page.emulate_media(color_scheme="light")
    assert run_axe(page, "{runOnly: ['color-contrast']}") == []


def run_axe(page: Any, options: str = "{}") -> list[Any]:
    violations = page.evaluate(f"axe.run(document, {options}).then((result) => result.violations)")
    return [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in violations]


def show(page: Any, folder: Path, exercise: dict[str, Any]) -> None:
    """Replace the exercises of the page by another one."""
    text = write_page(folder / "other.html", exercise).read_text("utf-8")
    main = text[text.index("<main>") + len("<main>") : text.index("</main>")]
    page.evaluate(f"(content) => {{ {MAIN}.innerHTML = content; }}", main)


def test_an_exercise_of_the_course_is_checked_in_the_page(page: Any, tmp_path: Path) -> None:
    X, w, lam = pel.matrix("X", ("n", 3), "float64"), pel.vector("w", (3,), "float64"), pel.scalar("lam", "float64")
    given = {"X": X, "w": w, "lam": lam}
    z = lam * pel.tanh(X @ w)
    exercise = encode_exercise(Exercise("z", "z", "Write $z$.", z, given, "lam * tanh(X @ w)", why="It is **scaled**."))
    show(page, tmp_path, exercise)
    wrong, right = answer(page, "tanh(X @ w)", "tanh((w @ X.T)) * lam")
    assert "lam" in wrong["said"]
    assert "is missing" in wrong["said"]
    expected = check_answer(z, "tanh(X @ w)", given=given, quantity="z").message.replace("`", "")
    assert wrong["said"].split("\n\n")[1] == expected
    assert "It is scaled." in right["said"]
    assert "⋅" in find(page).locator(".feedback math").text_content()
    assert find(page).locator(".question math").evaluate("e => getComputedStyle(e).display") == "math"


def test_a_damaged_exercise_says_so(window: tuple[Pages, Any, str], page: Any, tmp_path: Path) -> None:
    broken = copy.deepcopy(DW1)
    broken["letters"][0]["shape"] = [7, 7]
    show(page, tmp_path, broken)
    alert = find(page).get_by_role("alert").inner_text()
    assert alert == "This exercise cannot be shown. X of shape (7, 7) needs 392 bytes; there are 80."
    assert window[0].errors.pop() == "X of shape (7, 7) needs 392 bytes; there are 80."


def test_it_works_without_storage(page: Any) -> None:
    page.evaluate(
        "Object.defineProperty(window, 'localStorage', "
        "{ configurable: true, get() { throw new DOMException('', 'SecurityError'); } })"
    )
    page.evaluate(f"{MAIN}.innerHTML = {MAIN}.innerHTML")
    [state] = answer(page, RIGHT)
    page.evaluate("delete window.localStorage")
    assert "Right" in state["said"]
