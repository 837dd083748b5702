"""`<pellucid-exercise>` in Chromium: answers, hints, the solution, the keyboard, progress and accessibility."""

import copy
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from exercise_pages import DB1, DW1, LOSS, write_page

import pellucid as pel
from pellucid.course import Exercise, check_answer
from pellucid.course.exercise_page import encode_exercise

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
RIGHT = "X.T @ ((d2 @ W2.T) * (1 - a1 ** 2)) + lam * W1"
WRONG = "X.T @ (d2 @ W2.T) + lam * W1"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(tmp_path_factory.mktemp("exercises") / "page.html", DW1, DB1, LOSS)


@pytest.fixture
def page(pages: Any, file: Path) -> Any:
    return pages.open(file)


def find(page: Any, k: int = 0) -> Any:
    return page.locator("pellucid-exercise").nth(k)


def answer(exercise: Any, text: str) -> str:
    """Type a formula, press Enter, and return the feedback."""
    exercise.locator("textarea").fill(text)
    exercise.locator("textarea").press("Enter")
    return exercise.locator("[role=status]").inner_text()


RIGHT_ANSWERS = [
    RIGHT,
    "dW1 = np.dot(X.T, d2 @ W2.T - (d2 @ W2.T) * np.square(tanh(z1))) + W1 * lam",
    "((W2 @ d2.T) * (1 \N{MINUS SIGN} a1.T²) @ X).T + 0.3 \N{MULTIPLICATION SIGN} W1",
    "(X[:, :, None] * ((d2 @ W2.T) * (1 + a1) * (1 - a1))[:, None, :]).sum(axis=0) + lam * W1",
    RIGHT.replace(" + ", "\n  + "),
]


def test_a_right_answer_in_any_form(page: Any) -> None:
    exercise = find(page)
    for text in RIGHT_ANSWERS:
        said = answer(exercise, text)
        assert "✓ Right. This is dW1." in said
        assert "The error goes back through W2" in said
        assert f"dW1 = {RIGHT}" in said
        assert exercise.get_by_text("✓ Solved").is_visible()
        assert not exercise.get_by_role("button", name="Show the solution").is_visible()
        exercise.get_by_role("button", name="Start over").click()


def test_an_outer_axis_of_length_1_does_not_matter(page: Any) -> None:
    assert "Right" in answer(find(page, 1), "sum((d2 @ W2.T) * (1 - a1 ** 2), axis=0, keepdims=True)")


def test_hints_come_one_by_one(page: Any) -> None:
    exercise = find(page)
    said = answer(exercise, WRONG)
    assert "A factor is missing in dW1: the derivative of the activation." in said
    assert "Try again. Your next try shows a hint." in said
    assert "What is the derivative" not in said
    said = answer(exercise, WRONG)
    assert "What is the derivative of tanh(z1)?" in said
    assert "It is 1 - a1 ** 2" not in said
    assert "Your next try shows one more hint." in said
    said = answer(exercise, WRONG)
    assert "It is 1 - a1 ** 2" in said
    assert "next try" not in said


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
    for k, text, said in WRONG_ANSWERS:
        explained = answer(find(page, k), text)
        assert explained.startswith("Not yet.")
        assert said in explained
        assert not find(page, k).get_by_text("✓ Solved").is_visible()


def test_a_text_that_is_no_formula_is_marked(page: Any) -> None:
    exercise = find(page)
    said = answer(exercise, "X.T @ (d2 W2)")
    assert said.startswith("This cannot be read as a formula yet.")
    assert "There is no operator between d2 and W2. Write d2 * W2, or d2 @ W2 for a matrix product" in said
    assert exercise.locator("mark").inner_text() == "W2"
    assert exercise.locator("textarea").get_attribute("aria-invalid") == "true"
    exercise.locator("textarea").press("End")
    exercise.locator("textarea").press("Backspace")
    assert exercise.locator("textarea").get_attribute("aria-invalid") is None
    assert "Unknown letter 'W3'" in answer(exercise, "W3")
    assert answer(find(page, 1), "").endswith("The formula is empty: write for example X @ W1 (character 1).")


def test_messages_are_text(page: Any) -> None:
    said = answer(find(page), "<img src=x onerror=alert(1)>")
    assert "Something is missing before <" in said
    assert find(page).locator("img").count() == 0


def test_the_formula_is_echoed_while_typing(page: Any) -> None:
    exercise = find(page)
    echo = exercise.locator("#echo")
    assert echo.inner_text() == "Write a formula, then press Enter."
    exercise.locator("textarea").press_sequentially("a1*d")
    assert echo.inner_text() == "pellucid reads: …"
    exercise.locator("textarea").press_sequentially("2")
    assert echo.locator("math msub").count() == 2
    assert "⊙" in echo.inner_text()
    exercise.locator("textarea").fill("lam * W1")
    assert "⋅" in echo.inner_text()
    exercise.locator("textarea").fill("X^2")
    echo.get_by_text("Write ** for a power").wait_for()


def test_the_solution_is_shown_after_a_try(page: Any) -> None:
    exercise = find(page)
    button = exercise.get_by_role("button", name="Show the solution")
    assert button.is_disabled()
    assert button.get_attribute("title") == "Available after your first try"
    answer(exercise, "X")
    button.click()
    assert "dW1 = X.T @" in exercise.locator(".solution").inner_text()
    assert exercise.locator(".solution math").count() == 1
    exercise.get_by_role("button", name="Hide the solution").click()
    assert not exercise.locator(".solution").is_visible()


def test_progress_is_kept_until_started_over(page: Any) -> None:
    answer(find(page), WRONG)
    answer(find(page), RIGHT)
    answer(find(page), "X")
    answer(find(page, 2), "-sum(log(p[arange(n), y]))")
    page.reload()
    exercise = find(page)
    assert exercise.get_by_text("✓ Solved").is_visible()
    assert exercise.locator("textarea").input_value() == RIGHT
    assert find(page, 2).locator("textarea").input_value() == "-sum(log(p[arange(n), y]))"
    assert not find(page, 2).get_by_text("✓ Solved").is_visible()
    assert not find(page, 1).get_by_role("button", name="Start over").is_visible()
    exercise.get_by_role("button", name="Start over").click()
    assert exercise.locator("textarea").input_value() == ""
    assert not exercise.get_by_text("✓ Solved").is_visible()
    page.reload()
    assert not find(page).get_by_text("✓ Solved").is_visible()
    assert "next try shows a hint" in answer(find(page), WRONG)


def test_letters_are_listed_with_shapes_and_values(page: Any) -> None:
    exercise = find(page)
    assert exercise.locator("summary").inner_text() == "You may use X, y, W1, b1, z1, a1, W2, p, d2, n, lam"
    exercise.locator("summary").click()
    listed = exercise.locator("dl").inner_text()
    assert "inputs, one row for each of the 5 points · here (5, 2)" in listed
    assert "class of each point · whole numbers, here (5,)" in listed
    assert "regularization strength · 0.3" in listed
    assert "@ for matrix products" in exercise.locator("details").inner_text()


def test_it_works_without_storage(page: Any) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('', 'SecurityError'); } })"
    )
    page.reload()
    assert "Right" in answer(find(page), RIGHT)


def test_the_keyboard_is_enough(page: Any) -> None:
    reached = []
    answer(find(page), WRONG)
    page.reload()
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.shadowRoot.activeElement.textContent.slice(0, 20)"))
    assert [text[:7] for text in reached] == ["You may", "", "Check", "Show th", "Start o"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    assert "What is the derivative" in find(page).locator("[role=status]").inner_text()
    box = find(page).locator("textarea")
    before = box.bounding_box()["height"]
    box.press("Shift+Enter")
    assert box.bounding_box()["height"] > before


def test_an_exercise_follows_the_theme(page: Any) -> None:
    get_color = (
        "document.querySelector('pellucid-exercise').shadowRoot.firstChild.style.getPropertyValue('--background')"
    )
    assert page.evaluate(get_color) == "#ffffff"
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"{get_color} === '#111418'")


def test_axe_finds_nothing_and_nothing_is_cut_off(pages: Any, file: Path) -> None:
    phone = {"width": 390, "height": 844}
    page = pages.open(file, color_scheme="dark", viewport=phone, bypass_csp=True, reduced_motion="reduce")
    answer(find(page), RIGHT + " + 0 * X.T @ ((d2 @ W2.T) * (1 - a1 ** 2))" * 2)
    answer(find(page, 1), "X.T d2" + "+ thisIsAVeryLongNameWithoutAnySpaces" * 3)
    answer(find(page, 2), "-sum(log(p[arange(n), y]))")
    find(page, 2).get_by_role("button", name="Show the solution").click()
    for k in range(3):
        find(page, k).locator("summary").click()
    page.add_script_tag(content=AXE)
    assert run_axe(page) == []
    assert find(page).locator(".feedback").evaluate("e => getComputedStyle(e).animationName") == "none"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    heights = find(page).locator("button, summary").evaluate_all("all => all.map(e => e.offsetHeight).filter(Boolean)")
    assert min(heights) >= 24
    page.emulate_media(color_scheme="light")
    assert run_axe(page, "{runOnly: ['color-contrast']}") == []


def run_axe(page: Any, options: str = "{}") -> list[Any]:
    violations = page.evaluate(f"axe.run(document, {options}).then((result) => result.violations)")
    return [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in violations]


def test_an_exercise_of_the_course_is_checked_in_the_page(pages: Any, tmp_path: Path) -> None:
    X, w, lam = pel.matrix("X", ("n", 3), "float64"), pel.vector("w", (3,), "float64"), pel.scalar("lam", "float64")
    given = {"X": X, "w": w, "lam": lam}
    z = lam * pel.tanh(X @ w)
    exercise = encode_exercise(Exercise("z", "z", "Write $z$.", z, given, "lam * tanh(X @ w)", why="It is **scaled**."))
    page = pages.open(write_page(tmp_path / "page.html", exercise))
    said = answer(find(page), "tanh(X @ w)")
    assert "lam" in said
    assert "is missing" in said
    assert said.split("\n\n")[1] == check_answer(z, "tanh(X @ w)", given=given, quantity="z").message.replace("`", "")
    assert "It is scaled." in answer(find(page), "tanh((w @ X.T)) * lam")
    assert "⋅" in find(page).locator(".feedback math").text_content()
    assert find(page).locator(".question math").evaluate("e => getComputedStyle(e).display") == "math"


def test_a_damaged_exercise_says_so(browser: Any, tmp_path: Path) -> None:
    broken = copy.deepcopy(DW1)
    broken["letters"][0]["shape"] = [7, 7]
    page = browser.new_context(offline=True).new_page()
    page.goto(write_page(tmp_path / "broken.html", broken).as_uri())
    alert = find(page).get_by_role("alert").inner_text()
    assert alert == "This exercise cannot be shown. X of shape (7, 7) needs 392 bytes; there are 80."
    page.context.close()
