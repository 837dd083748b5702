"""``pellucid legacy SCRIPT``: runs scripts of Theano, TensorFlow before 2 and Keras 1, and translates them."""

import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from pellucid.cli.output import ERRORS, OUTPUT, Option
from pellucid.tracking.errors import UsageError
from pellucid.tracking.record import to_json
from pellucid.tracking.result import pluralize

if TYPE_CHECKING:
    from pellucid.compat.script import ScriptRun

MAX_SECONDS = 10**6


def legacy(
    script: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True)],
    explain: Annotated[bool, Option] = False,
    translate: Annotated[bool, Option] = False,
    time_limit: Annotated[float | None, Option] = None,
    out: Annotated[Path | None, Option] = None,
    python: Annotated[Literal["2", "3"] | None, Option] = None,
    quiet: Annotated[bool, Option] = False,
    json: Annotated[bool, Option] = False,
) -> int:
    """Run a script of Theano, Lasagne, TensorFlow before 2 or Keras 1, or translate it.

    For example:

        pellucid legacy mlp.py --rate 0.1          run it with its arguments
        pellucid legacy mlp.py -- --out weights    arguments named like options below
        pellucid legacy mlp.py --explain           formulas of its compiled programs
        pellucid legacy mlp.py --out results       save the figures that it shows
        pellucid legacy mlp.py --translate         write it in today's pellucid
        pellucid legacy lecture3.ipynb             run the code cells of a notebook
        pellucid legacy - < mlp.py

    In the script, `import theano`, `tensorflow`, `keras`, `cv2` and `imutils`
    give pellucid's modules of these names, whether or not the libraries are
    installed; removed modules of scikit-learn and Python 2 code work too.
    Afterwards, standard error lists the old calls with their replacements.

    The command runs the script, as python does: run only scripts that you trust.
    With --translate, it runs the translated program in the place of the script: in
    a new process, with its arguments, modules and input files. The program is
    written only if it ends within the time limit without an error. Otherwise the
    command lists the replacements, names the call that stopped it, and returns 1.

    Parameters
    ----------
    script
        Python script, Jupyter notebook (.ipynb), or - for standard input.
    arguments
        Arguments of the script. Those after -- are never options of this command.
    explain
        After the run, write the formulas of each compiled program.
    translate
        Write the script in today's pellucid if that runs, and list what cannot be translated.
    time_limit
        Seconds that the translated program may run (default 600).
    out
        New or empty folder for figures and formulas; with --translate, the new file.
    python
        Version of Python in which the script is written (default: it is found out).
    quiet
        Do not list the old calls.
    json
        Print a report as JSON to standard output; the output of the script goes to standard error.
    """
    if script is None:
        raise UsageError("legacy: expected a script, such as pellucid legacy mlp.py")
    from pellucid.compat.old_calls import find_old_calls
    from pellucid.compat.programs import RECORDER
    from pellucid.compat.script import FIGURES, ScriptRun
    from pellucid.show.formulas.program_formulas import format_program, render_programs
    from pellucid.tracking.run_folder import open_run_folder

    if translate and explain:
        raise UsageError("--translate: expected no --explain, because the old script does not run")
    if time_limit is not None and not (translate and 0 < time_limit <= MAX_SECONDS):
        expected = f"--time-limit: expected seconds up to {MAX_SECONDS}, and --translate"
        raise UsageError(f"{expected}. Write -- before an argument of the script")
    with nullcontext() if out is None or translate else open_run_folder(out) as folder:
        run = ScriptRun(script, arguments, int(python) if python else None)
        if translate:
            return translate_script(run, out, time_limit or 600, json, quiet)
        place = folder and folder.resolve()  # the script may change the working directory
        FIGURES.start(place)
        RECORDER.enabled, RECORDER.programs = explain or json, []
        try:
            with redirect_stdout(sys.stderr) if json else nullcontext():
                run.start()
        finally:
            RECORDER.enabled = False
            sys.stdout.flush()
        unique = {repr(p.function): p for p in RECORDER.programs}.values()
        programs = [(p.title, p.function, format_program(p.function)) for p in unique]
        calls = [] if quiet and not json else find_old_calls(run.units.values())
        if explain and not json:
            texts = ["\n  ".join([f"{title}: {repr(f).splitlines()[0]}", *lines]) for title, f, lines in programs]
            OUTPUT.print("\n\n".join(texts) or "The script compiled no programs.")
        if explain and place is not None:
            page = render_programs(
                f"Programs of {Path(script).name if script != '-' else 'standard input'}",
                [program[:2] for program in programs],
            )
            (place / "formulas.html").write_text(page, "utf-8")
            FIGURES.saved.append("formulas.html")
        if json:
            OUTPUT.print(to_json(describe_run(run, calls, programs, FIGURES.saved)))
        elif FIGURES.saved and folder is not None:
            OUTPUT.print(f"In {folder}: {', '.join(FIGURES.saved)}")
        if calls and not json:
            ERRORS.print("\n".join(call.describe() for call in calls))
    return int(run.status)


def translate_script(run: "ScriptRun", out: Path | None, seconds: float, json: bool, quiet: bool) -> int:
    """Write a script in today's pellucid if that runs, and list the lines that are not translated."""
    from pellucid.compat.old_calls import find_old_calls
    from pellucid.compat.translation import run_program, translate
    from pellucid.graph.source_location import format_filename

    if out is not None and out.exists():
        raise UsageError(f"--out: expected a new file; {out} exists. Choose another name")
    source = "\n".join(unit.source for unit in run.main_units)
    name = format_filename(run.main_units[0].filename) if len(run.main_units) == 1 else run.path
    found = translate(source, name, is_python2=run.is_python2)
    if not (json or quiet):
        ERRORS.print(f"Running the translated program, for at most {seconds:g} seconds")
    reason = run_program(found, run.path, run.arguments, seconds)
    error = reason and f"The translation of {name} is not written: {reason}"
    if reason:
        calls = [] if json or quiet else find_old_calls(run.units.values())
        ERRORS.print("\n".join([*(call.describe() for call in calls), f"error: {error}"]))
    elif out is not None:
        out.write_text(found.text, "utf-8")
    elif not json:
        OUTPUT.print(found.text.rstrip("\n"))
    if json:
        problems = [{"line": line, "what": what} for line, what in found.problems]
        text = None if out or reason else found.text
        report = {"script": run.path, "out": out and str(out), "error": error, "text": text}
        OUTPUT.print(to_json({**report, "translated": found.translated, "not_translated": problems}))
    elif not quiet and not reason:
        lines = [f"{name}:{line}: not translated: {what}" for line, what in found.problems]
        ERRORS.print("\n".join([*lines, f"{pluralize(found.translated, 'old name')} translated, {len(lines)} not"]))
    return int(bool(reason))


def describe_run(run: "ScriptRun", calls: Any, programs: Any, files: list[str]) -> dict[str, Any]:
    """Return a run, its old calls, its programs and the files in ``--out`` for JSON."""
    head = {"script": run.path, "python": 2 if run.is_python2 else 3, "exit": run.status, "error": run.error}
    return head | {
        "files": files,
        "old_calls": [
            {"message": c.text, "today": c.code, "places": [{"file": f, "line": n} for f, n in c.places]} for c in calls
        ],
        "programs": [
            {"made_by": title, "inputs": [*map(f.describe_input, f.program.inputs)], "formulas": lines}
            for title, f, lines in programs
        ],
    }
