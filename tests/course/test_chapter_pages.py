"""Pages that are made of the chapters: summaries and answers."""

from pathlib import Path

import pytest
from in_process_kernel import use_test_process

from pellucid.course.exercise import CodeExercise
from pellucid.course.site import build_site
from pellucid.course.site.chapter_sections import extract_section, list_quiz
from pellucid.course.site.errors import CourseError
from pellucid.course.site.extension import chapter_pages

CHAPTER = """# {title}

## Why?

Not in a summary.

## In short

- It adds $x + {number}$.

## What do you remember from before?

Say it aloud.

```{{dropdown}} 1. Chapter 1: how?
By *code*.
```

<details>
<summary>2. (Chapter 2) And why?</summary>

Because of $b$.

</details>

## What comes next?

More.
"""
PAGES = {
    "1_one_neuron": CHAPTER.format(title="One neuron", number=1),
    "2_going_downhill": CHAPTER.format(title="Going downhill", number=2),
    "index": "# Start\n\n```{toctree}\n:glob:\n\n*\n```\n",
    "summaries": "# Summaries\n\n```{summaries}\n```\n",
    "answers": "# Answers\n\n```{answers}\n```\n",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chapters")
    (folder / "pages").mkdir()
    for name, text in PAGES.items():
        (folder / "pages" / f"{name}.md").write_text(text, "utf-8")
    slope = CodeExercise("slope", "Of what?", str, "", "def slope(w):\n    return 2 * w", "It *doubles*.")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chapter_pages, "list_exercises", lambda chapter: {"slope": slope} if chapter == 2 else {})
        use_test_process(patch)
        build_site(folder / "site", sections={"": folder / "pages"})
    return folder / "site"


def read_article(site: Path, name: str) -> str:
    return (site / f"{name}.html").read_text("utf-8").partition('<article role="main"')[2].partition("</article>")[0]


def test_summaries_have_a_section_of_each_chapter(site: Path) -> None:
    text = read_article(site, "summaries")
    assert text.index("1 One neuron") < text.index("2 Going downhill")
    assert text.count("It adds") == text.count("<math") == 2
    assert 'href="2_going_downhill.html"' in text
    assert 'id="chapter-2"' in text
    assert "Not in a summary" not in text
    assert "aloud" not in text


def test_answers_have_exercises_and_quizzes(site: Path) -> None:
    text = read_article(site, "answers")
    assert text.count("<strong>Question 1.</strong> Chapter 1: how?") == 2
    assert text.count("<strong>Question 2.</strong> (Chapter 2) And why?") == 2
    assert text.count("By <em>code</em>.") == 2
    assert text.count("<strong>Exercise 2.slope.</strong> Of what?") == 1
    assert "It <em>doubles</em>." in text
    assert text.index("2 Going downhill") < text.index("Exercise 2.slope")


def test_missing_sections_are_named() -> None:
    with pytest.raises(CourseError, match="The page 'One neuron' has no section '## In short'"):
        extract_section("# One neuron\n", "In short")
    with pytest.raises(CourseError, match="A page has no title: expected a line such as '# One neuron'"):
        list_quiz("no title\n")
