"""The HTML page of a training run, in the order of a reader who wants to know whether the network can be trusted."""

import base64
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from pellucid.show.plots.alt_text import join_parts
from pellucid.tracking.comparison import capitalize
from pellucid.tracking.document import POLICY, render_document, render_prose, render_table
from pellucid.tracking.record import Record
from pellucid.tracking.result import pluralize
from pellucid.train.evaluate.metrics import LOWER_IS_BETTER, get_metric_name
from pellucid.train.read.dataset import ColumnUse
from pellucid.train.report.result_summary import format_sentence
from pellucid.train.report.result_tables import SHOWN_METRICS, format_number
from pellucid.train.report.sweep_report import render_sweep

GENERATOR = '<meta name="generator" content="pellucid train">'
SEVERITIES = ("failure", "warning", "note")
SHOWN_ROWS = 25
"""Rows of long tables that are shown at once; the others can be unfolded."""


@dataclass(frozen=True)
class RunContent:
    """Content of the page of a run.

    Attributes
    ----------
    record : Record
        The record of the run.
    title : str
        Title of the page.
    folder : str
        The folder of the run, for commands.
    pictures : sequence of str
        HTML of the pictures.
    data : str
        Size of the data, the task, and its classes or targets.
    facts : sequence of str
        How a file was read: format, encoding and so on.
    columns : sequence of ColumnUse
        How the columns of a table are used.
    network : str
        Size of the network, optimizer and settings of the training, in a line.
    input_names : sequence of str
        Names of flat inputs.
    formulas : str
        HTML of the network as formulas.
    settings : str
        The content of ``experiment.toml``.
    prediction : str
        HTML of a figure that predicts in the page; empty for networks that are too large for it.
    scripts, policy : str
        HTML of the scripts of that figure, and the content security policy that allows them.
    """

    record: Record
    title: str
    folder: str
    pictures: Sequence[str]
    data: str
    facts: Sequence[str]
    columns: Sequence[ColumnUse]
    network: str
    input_names: Sequence[str]
    formulas: str
    settings: str
    prediction: str = ""
    scripts: str = ""
    policy: str = POLICY


def render_run(content: RunContent) -> str:
    """Return the whole page."""
    record = content.record
    sections = {
        "Summary": render_summary(record),
        "Scores": render_scores(record.measures),
        **({"Sweep": render_sweep(record.measures["sweep"])} if record.measures.get("sweep") else {}),
        "Pictures": "\n".join(content.pictures),
        "Data": render_data(content),
        "Network": render_network(content),
        "Try the network": render_prediction(content),
        "Settings": render_settings(content),
    }
    links = "".join(f'<li><a href="#{name_anchor(title)}">{title}</a></li>' for title in sections)
    parts = "\n".join(
        f'<section id="{name_anchor(title)}" class="part"><h2>{title}</h2>\n{body}\n</section>'
        for title, body in sections.items()
    )
    body = f"""<header>
<p class="mark">pellucid</p>
<h1>{escape(content.title)}</h1>
{render_headline(record)}
<nav aria-label="Contents"><ul class="contents">{links}</ul></nav>
</header>
<main>
{parts}
</main>
{render_footer(record)}
{content.scripts}"""
    return render_document(content.title, GENERATOR, body, content.policy)


def name_anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def render_headline(record: Record) -> str:
    """Return the main score with its interval, and the best baseline."""
    if record.result is None or record.baseline is None:
        return ""
    ends = record.result.interval
    interval = "" if ends is None else ", 95% interval {:.3g} to {:.3g}".format(*ends)
    score = f"{escape(capitalize(record.result.label))} <b>{escape(record.result.value_text)}</b>{interval}"
    baseline = f"The best baseline, {escape(record.baseline.label)}, has {escape(record.baseline.value_text)}"
    return f'<p class="lead">{score}. {baseline}.</p>'


def render_summary(record: Record) -> str:
    """Return the sentences about the result, with the details of the findings among them, and all other findings."""
    findings = list(list_findings(record.measures))
    by_sentence = {format_sentence(each["severity"], each["what"], each.get("fix", "")): each for each in findings}
    items = []
    for sentence in record.measures["summary"]:
        found = by_sentence.pop(sentence, None)
        items.append(f"<li>{escape(sentence)}</li>" if found is None else render_finding(found))
    others = sorted(by_sentence.values(), key=lambda each: SEVERITIES.index(each["severity"]))
    items += map(render_finding, others)
    none = "" if findings else "<p>The checks found no failures and no warnings.</p>"
    return f'<ul class="findings">{"".join(items)}</ul>{none}'


def list_findings(measures: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the findings in all lists of the measures: those of the result, and those of checks of the data."""
    for value in measures.values():
        if isinstance(value, list | tuple):
            yield from (
                each
                for each in value
                if isinstance(each, Mapping) and "what" in each and each.get("severity") in SEVERITIES
            )


def render_finding(finding: Mapping[str, Any]) -> str:
    parts = (f"{str(finding.get(key, '')).rstrip('.')}." for key in ("why", "fix") if finding.get(key))
    severity = finding["severity"]
    return (
        f'<li class="{severity}"><b>{severity.capitalize()}: {escape(finding["what"].rstrip("."))}.</b> '
        f"{escape(' '.join(parts))}</li>"
    )


def render_scores(measures: Mapping[str, Any]) -> str:
    """Return the comparison with the baselines and the tables of metrics, those of a cross-validation first."""
    network = f"this network ({measures['model']})"
    parts = [render_comparison(measures, network)]
    validation = measures["cross_validation"]
    if validation:
        scores = {**validation, "test": validation["mean"]}
        source = f"Cross-validation, {validation['folds']} folds, {validation['samples']:,} samples"
        parts += render_metrics(source, network, scores)
    parts += render_metrics(f"Test set, {measures['samples']['test']:,} samples", network, measures)
    parts += [f"<p>{escape(capitalize(note))}.</p>" for note in measures.get("notes", ())]
    parts += [f"<p>{escape(name)}: skipped, {escape(why)}.</p>" for name, why in measures["skipped_baselines"].items()]
    decision = measures["decision"]
    if decision and decision["threshold"] is not None:
        parts.append(
            f"<p>{escape(decision['class'])} is predicted from a probability of {decision['threshold']:.4g} on.</p>"
        )
    return "\n".join(parts)


def render_comparison(measures: Mapping[str, Any], network: str) -> str:
    """Return the main metric of the network and its baselines as numbers and bars."""
    comparisons, key = measures["comparisons"], measures["metric"]
    own = comparisons[0]["network_value"]
    interval = (measures["cross_validation"] or measures)["intervals"].get(key)
    values = [own, *(each["baseline_value"] for each in comparisons)]
    longest = max([*values, *(interval or ())]) if key in LOWER_IS_BETTER else 1.0

    def render_row(name: str, value: float, verdict: str, ends: Sequence[float] | None = None, kind: str = "") -> str:
        share = [100 * min(max(each / longest, 0), 1) if longest > 0 else 0 for each in (value, *(ends or ()))]
        whisker = (
            f'<span class="whisker" style="left:{share[1]:.1f}%;width:{share[2] - share[1]:.1f}%"></span>'
            if ends
            else ""
        )
        spread = "<small> 95% interval {:.3g} to {:.3g}</small>".format(*ends) if ends else ""
        return (
            f'<tr class="{kind}"><th scope="row">{escape(name)}</th><td><b>{value:.4g}</b>{spread}'
            f'<span class="bar" aria-hidden="true"><i style="width:{share[0]:.1f}%"></i>{whisker}</span></td>'
            f"<td>{escape(verdict)}</td></tr>"
        )

    rows = [render_row(network, own, "", interval, "result")]
    rows += [render_row(each["baseline"], each["baseline_value"], each["verdict"]) for each in comparisons]
    tests = join_parts(list(dict.fromkeys(each["test"] for each in comparisons)))
    name = get_metric_name(key)
    better = "lower is better" if key in LOWER_IS_BETTER else "higher is better"
    return (
        f'<table class="comparison"><caption>{escape(capitalize(name))} of the network and its baselines '
        f"({better})</caption>\n"
        f'<thead><tr><th scope="col">predictor</th><th scope="col">{escape(name)}</th>'
        f'<th scope="col">the network is</th></tr></thead>\n<tbody>{"".join(rows)}</tbody></table>\n'
        f"<p>Better and worse mean beyond chance, by {escape(tests)}.</p>"
    )


def render_metrics(source: str, network: str, scores: Mapping[str, Any]) -> list[str]:
    """Return the tables of metrics, and of classes or targets; ``scores`` is a part of the measures."""
    deviations = scores.get("standard_deviation")
    baselines = scores["baselines"]
    header = ["metric", network, *(["standard deviation"] if deviations else []), "95% interval", *baselines]
    rows = []
    for key in SHOWN_METRICS:
        if key in scores["test"]:
            ends = "{:.3g} to {:.3g}".format(*scores["intervals"][key]) if key in scores["intervals"] else ""
            spread = [format_number(deviations.get(key))] if deviations else []
            others = [format_number(each.get(key)) for each in baselines.values()]
            direction = " (lower is better)" if key in LOWER_IS_BETTER else ""
            rows.append(
                [f"{get_metric_name(key)}{direction}", format_number(scores["test"][key]), *spread, ends, *others]
            )
    tables = [render_table(source, header, rows, range(1, len(header)))]
    groups = scores.get("per_class") or scores.get("per_target") or ()
    return [*tables, *([render_groups(source, groups)] if groups else [])]


def render_groups(source: str, groups: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of classes or targets, the worst first."""
    has_classes = "recall" in groups[0]
    columns = ["samples", "predicted", "precision", "recall", "f1"] if has_classes else ["mae", "rmse", "r2"]
    rows = []
    for group in sorted(groups, key=lambda group: group.get(columns[-1]) or 0.0):
        cells = [str(group["name"]), *(format_number(group.get(name)) for name in columns)]
        if has_classes:
            ends = group.get("recall_interval")
            cells.insert(5, "{:.3g} to {:.3g}".format(*ends) if ends else "")
        rows.append(cells)
    header = ["class" if has_classes else "target", *map(get_metric_name, columns)]
    if has_classes:
        header.insert(5, "95% interval of recall")
    name = "Classes" if has_classes else "Targets"
    return render_long_table(f"{name}, the worst first: {source[0].lower()}{source[1:]}", header, rows)


def render_long_table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = True) -> str:
    """Return a table whose first rows are shown, and the others unfold."""
    columns = range(1, len(header)) if numbers else ()
    table = render_table(caption, header, rows[:SHOWN_ROWS], columns)
    hidden = rows[SHOWN_ROWS:]
    if not hidden:
        return table
    rest = render_table(f"{caption}, continued", header, hidden, columns)
    return f"{table}<details><summary>{len(hidden):,} more</summary>{rest}</details>"


def render_data(content: RunContent) -> str:
    """Return how the data were read and divided, and how columns are used."""
    measures = content.record.measures
    parts = [f"<p>{escape(content.data)}.</p>"]
    if content.facts:
        parts.append(f"<p>Read as {escape(', '.join(content.facts))}.</p>")
    rows = [[part, f"{count:,}"] for part, count in measures["samples"].items()]
    parts.append(render_table("Samples", ["part", "samples"], rows, {1}))
    if measures["class_weights"]:
        weights = [[name, f"{weight:.4g}"] for name, weight in measures["class_weights"].items()]
        parts.append(render_long_table("Weights of classes in the loss", ["class", "weight"], weights))
    if content.columns:
        uses = [[each.name, "left out" if each.kind == "-" else each.kind, each.reason] for each in content.columns]
        parts.append(
            render_long_table("Columns, and how they are used", ["column", "used as", "because"], uses, numbers=False)
        )
    parts.append(
        f"<p>Statistics such as medians, categories, mean and variance come from the training set only. "
        f'Checksum of the data: <code class="long">{escape(measures["checksum"])}</code></p>'
    )
    return "\n".join(parts)


def render_network(content: RunContent) -> str:
    """Return the size of the network, the names of its inputs, and its formulas."""
    measures = content.record.measures
    names = ", ".join(content.input_names)
    inputs = f"<p>The inputs x are, in this order: {escape(names)}.</p>" if names else ""
    return (
        f"<p>{escape(content.network)}.</p>\n"
        f"<p>{pluralize(measures['epochs'], 'epoch')} of training; the weights are those of epoch "
        f"{measures['best_epoch']}, which has the lowest validation loss, {measures['best_validation_loss']:.4g}.</p>\n"
        f"{render_fine_tuning(measures.get('fine_tuning'))}"
        f'{inputs}\n<div class="derivation"><div tabindex="0" role="region" aria-label="Formulas of the network">'
        f"{content.formulas}</div></div>"
    )


def render_fine_tuning(tuning: Mapping[str, Any] | None) -> str:
    """Return the table of copied, new and frozen layers, if the network continues from a trained one."""
    if tuning is None:
        return ""
    why = f" ({tuning['difference']})" if tuning["difference"] else ""
    head = "kept" if tuning["head"] == "keep" else "replaced"
    texts = ("name", "kind", "weights", "trained")
    rows = [[*(each[key] for key in texts), f"{each['rate']:g}"] for each in tuning["layers"]]
    table = render_table("Layers of the fine-tuned network", ["layer", *texts[1:], "rate"], rows, {4})
    return f"<p>Fine-tuned from {escape(tuning['weights'])}. The head is {head}{escape(why)}.</p>\n{table}\n"


def render_prediction(content: RunContent) -> str:
    """Return the figure that predicts, or the command that writes a page with one."""
    if content.prediction:
        return f"<p>The trained network runs in this page. Change its inputs.</p>\n{content.prediction}"
    command = f"pellucid export {shlex.quote(content.folder)} --to page"
    return f"<p>This command writes a page in which the network predicts:</p>\n<pre>{escape(command)}</pre>"


def render_settings(content: RunContent) -> str:
    """Return the commands that use or repeat the run, its settings, and what computed it."""
    record, folder = content.record, shlex.quote(content.folder)
    commands = {
        f"pellucid train {folder}/experiment.toml": "repeat the run, bit for bit on the same machine and devices",
        f"pellucid test {folder} DATA": "evaluate the network on other data",
        f"pellucid predict {folder} FILES": "predict",
        f"pellucid explain {folder} FILES": "explain single predictions",
    }
    listed = "".join(f"<dt><code>{escape(each)}</code></dt><dd>{what}</dd>" for each, what in commands.items())
    source = base64.b64encode(content.settings.encode()).decode()
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    machine = ", ".join(f"{name} {value}" for name, value in record.machine.items())
    timings = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in record.timings.items())
    facts = {"Versions": versions, "Machine": machine, "Time": timings}
    return f"""<dl class="commands">{listed}</dl>
<p>All settings, the content of <code>experiment.toml</code>
(<a download="experiment.toml" href="data:text/plain;base64,{source}">save it</a>):</p>
<pre tabindex="0" role="region" aria-label="experiment.toml">{escape(content.settings)}</pre>
<dl class="facts">{"".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())}</dl>"""


def render_footer(record: Record) -> str:
    text = f"Written by pellucid {record.versions['pellucid']} after {record.seconds:.1f} seconds, seed {record.seed}."
    note = "The file record.json in the same folder has all numbers."
    return f"<footer><p>{render_prose(text)} {note}</p></footer>"
