"""Write what the reference repeats: kinds, keys, metrics, commands, paths, and facts of parameters.

A page holds two comments, ``<!-- table: rules -->`` and ``<!-- end -->``; what stands between them
is written anew from the registered classes and the catalogue of faults. In the tables of parameters
the cells ``type``, ``default`` and ``example`` are (``parameter_facts``); what a parameter is for
stands there by hand. Run it with ``make tables`` after something was added or changed; a test fails
while a page is behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml
from scripts.field_words import default_words, type_words
from scripts.parameter_facts import parameter_facts, with_facts

from regression_lifecycle.core.alerting.channels import AlertChannel
from regression_lifecycle.core.backtest.parameters import BacktestPolicy
from regression_lifecycle.core.config import attribute_meaning, model_meaning
from regression_lifecycle.core.data.splits import SplitParameters
from regression_lifecycle.core.decisions.policy import PolicyRule
from regression_lifecycle.core.decisions.waiting import PromotionParameters
from regression_lifecycle.core.features.specifications import Feature
from regression_lifecycle.core.metrics import METRICS
from regression_lifecycle.core.reproduction.retention import Retention
from regression_lifecycle.core.variants import Variant
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.serving.figures import FIGURES
from regression_lifecycle.serving.metrics import PREFIX
from scripts import interface_tables

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CATALOGUE = ROOT / "tests" / "faults" / "catalogue.yml"
_BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


def metrics() -> Iterator[str]:
    """Write the table of metrics."""
    yield "| name | meaning | unit | best | undefined |"
    yield "| --- | --- | --- | --- | --- |"
    for name, metric in METRICS.items():
        unit = "the target's" if metric.unit == "target" else ""
        meaning = metric.meaning.rstrip(".")
        yield f"| `{name}` | {meaning} | {unit} | {metric.best:g} | {metric.undefined} |"


def figures() -> Iterator[str]:
    """Write the table of what the service tells Prometheus."""
    yield f"| `{PREFIX}...` | kind | label | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, figure in FIGURES.items():
        label = f"`{figure.label}`" if figure.label else ""
        yield f"| `{figure.sample_name(name)}` | {figure.kind} | {label} | {figure.meaning} |"


def variants(family: type[Variant]) -> Iterator[str]:
    """Write a table of the kinds of a family, and one of their keys."""
    yield "| kind | what it is |"
    yield "| --- | --- |"
    for kind, model in sorted(family.kinds.items()):
        yield f"| `{kind}` | {model_meaning(model)} |"
    yield ""
    yield "| name | kinds | type | default | effect |"
    yield "| --- | --- | --- | --- | --- |"
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    for kind, model in sorted(family.kinds.items()):
        for name, field in model.model_fields.items():
            if name != "kind":
                row = (
                    name,
                    type_words(field),
                    default_words(field),
                    attribute_meaning(model, name),
                )
                rows.setdefault(row, []).append(kind)
    for (name, written, default, effect), kinds in rows.items():
        of = "all" if len(kinds) == len(family.kinds) > 1 else ", ".join(kinds)
        yield f"| `{name}` | {of} | {written} | {default} | {effect} |"


def faults() -> Iterator[str]:
    """Write a table per chapter of what can go wrong, with the tests that prove the answer."""
    chapters = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    for chapter, found in chapters.items():
        yield from (
            f"## {chapter}",
            "",
            "| fault | what happens | proven by |",
            "| --- | --- | --- |",
        )
        for row in found:
            yield f"| {row['fault']} | {row['answer']} | {', '.join(map(_test, row['tests']))} |"
        yield ""


def _test(name: str) -> str:
    """Link to the file of a test, by the sentence that its name is."""
    file, sentence = name.split("::")[0], name.rpartition("test_")[2].replace("_", " ")
    return f"[{sentence}](../../tests/{file})"


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "metrics": metrics,
    "figures": figures,
    "rules": lambda: variants(PolicyRule),
    "features": lambda: variants(Feature),
    "promotions": lambda: variants(PromotionParameters),
    "channels": lambda: variants(AlertChannel),
    "windows": lambda: variants(WindowParameters),
    "splits": lambda: variants(SplitParameters),
    "policies": lambda: variants(BacktestPolicy),
    "faults": faults,
    "retention": lambda: variants(Retention),
    "commands": interface_tables.commands,
    "exits": interface_tables.exits,
    "targets": interface_tables.targets,
    "paths": interface_tables.paths,
}


def with_tables(page: str) -> str:
    """Return the text of a page with its tables, and the facts of its parameters, written anew."""
    page = _BLOCK.sub(lambda found: found[1] + "\n".join(TABLES[found[2]]()) + found[3], page)
    return with_facts(page, parameter_facts())


def main() -> None:
    """Rewrite the pages whose tables have changed."""
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        written = with_tables(text)
        if written != text:
            page.write_text(written, encoding="utf-8")
            print(f"{page.relative_to(DOCS.parent)}: tables written anew")


if __name__ == "__main__":
    main()
