"""The page of all claims of the thesis, with what the kept results say about them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from command_pages import safe

from wis.theory.catalogue import Entry, Record, best_size, counts, entries, last_verdicts
from wis.theory.experiments import available_experiments
from wis.theory.findings import seeds_text, size_word

HEAD = """# Claims of the thesis

Each experiment stands for sentences of the thesis. A rule says of each whether the rows agree,
disagree, or cannot tell, over all seeds. The states are those of the rows that are kept with the
source, at the largest size of which there are rows. `wis bench table FILE --claims` judges your
own rows.

"""
ITEM = "{state}\n: {statement} ({source})  \n  {found}.  \n  *Rule:* {rule}\n"


def write_claim_page(path: Path) -> None:
    """Write the page, unless it is there already word for word."""
    text = HEAD + "\n".join(_page())
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _page() -> Iterator[str]:
    records = last_verdicts()
    yield f"All in all: {counts(records) or 'nothing is judged yet'}.\n"
    for entry in entries():
        own = best_size([record for record in records if record["name"] == entry.name])
        yield from _section(entry, own)


def _section(entry: Entry, records: list[Record]) -> Iterator[str]:
    experiment = available_experiments().get(entry.name)
    judged = {claim["name"] for record in records for claim in record["claims"]}
    unjudged = [c for c in experiment.claims if c.name not in judged] if experiment else []
    if not records and not unjudged:
        return
    yield f"## {safe(f'{entry.source}: {entry.summary}')}\n\n`{entry.command}`\n"
    for record in records:
        title = [] if record["title"] == entry.name else [record["title"]]
        date = [record["date"]] if record["date"] else []
        facts = [
            *title,
            f"{size_word(entry.name, record['size'])} size",
            seeds_text(record["seeds"]),
            *date,
        ]
        yield safe(", ".join(facts)) + "\n"
        for claim in record["claims"]:
            words = {name: safe(claim[name]) for name in ("statement", "source", "found", "rule")}
            yield ITEM.format(state=claim["state"], **words)
    for claim in unjudged:
        words = {"statement": safe(claim.statement), "source": safe(claim.source)}
        yield ITEM.format(
            state="not run", found="There are no rows", rule=safe(claim.rule), **words
        )
