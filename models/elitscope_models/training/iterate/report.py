"""The report of a loop: pictures in a folder and one page that holds them all, written anew after every round."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from elitscope_models.bundle import Bundle
from elitscope_models.training.files import replace_file
from elitscope_models.training.iterate.choice import Choice, View
from elitscope_models.training.iterate.drawing import contact_sheet, overlay, rate_chart, uncertainty
from elitscope_models.training.iterate.experiment import Frame
from elitscope_models.training.iterate.observation import Observation

_OVERLAYS = 3
"""Frames of a round that are drawn."""
_STYLE = "body{background:#14171c;color:#e8eaed;font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}"
_STYLE += "img{max-width:100%}table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right}td:first-child{text-align:left}"


@dataclass(frozen=True)
class _Section:
    title: str
    lines: tuple[str, ...]
    pictures: tuple[str, ...]


@dataclass
class Report:
    """A witness of the loop that writes `folder`/index.html and PNG pictures. `say` takes a line for whoever watches."""

    folder: Path
    say: Callable[[str], None]
    _sections: list[_Section] = field(default_factory=list)
    _counts: dict[int, tuple[tuple[int, ...], tuple[float, ...]]] = field(default_factory=dict)

    def viewed(self, bundle: Bundle, frames: Sequence[Frame], views: Sequence[View], choice: Choice) -> None:
        """Members were applied one by one, and some chosen."""
        picture = self._picture("members.png", contact_sheet(frames, views, choice))
        lines = [f"member {member}: {reason}" for member, reason in choice.reasons.items()]
        title = (
            f"Members of {bundle.manifest.name} {bundle.manifest.version}, {'the expert’s choice' if choice.by == 'expert' else 'proposed'}"
        )
        self._sections.append(_Section(title, tuple(lines), (picture,)))
        for line in lines:
            self.say(line)

    def observed(self, number: int, seen: Observation, density: float, learnt_from: Sequence[int]) -> None:
        """All frames were looked at."""
        self._counts[number] = (seen.identified, tuple(sight.area for sight in seen.sights))
        rates = self._rates(density)
        manifest = seen.bundle.manifest
        shown = list(dict.fromkeys([*learnt_from[:1], 0, len(seen.sights) - 1]))[:_OVERLAYS]
        pictures = tuple(self._picture(f"round-{number}-frame-{index}.png", overlay(seen, index)) for index in shown)
        if number > 0 and seen.sights[shown[0]].std is not None:  # before, the spread means nothing
            pictures = (*pictures, self._picture(f"round-{number}-spread.png", uncertainty(seen, shown[0])))
        rate = float(np.nanmean(rates[number]))
        lines = (
            f"{manifest.name} {manifest.version}, members {', '.join(map(str, seen.choice.members))}",
            f"{seen.total} atoms identified in {len(seen.sights)} frames, detection rate {rate:.3f}",
            seen.filtered,
            *((f"learns from frames {', '.join(map(str, learnt_from))}",) if learnt_from else ()),
        )
        self._sections.append(_Section("Before" if number == 0 else f"Round {number}", lines, pictures))
        self._picture("rates.png", rate_chart(rates))
        self._write(rates)
        self.say("; ".join(lines[:3]))

    def note(self, text: str) -> None:
        """A line on what was decided."""
        self._sections.append(_Section("", (text,), ()))
        self.say(text)

    def _rates(self, density: float) -> dict[int, list[float]]:
        """Of every round so far, at the density that is now known."""
        rate = {number: zip(*counted, strict=True) for number, counted in self._counts.items()}
        return {number: [n / (area * density) if area * density > 0 else float("nan") for n, area in each] for number, each in rate.items()}

    def _picture(self, name: str, png: bytes) -> str:
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self.folder / name, png)
        return name

    def _write(self, rates: dict[int, list[float]]) -> None:
        body = [self._embedded("rates.png"), _table(rates)]
        for section in self._sections:
            body += [f"<h2>{html.escape(section.title)}</h2>"] if section.title else []
            body += [f"<p>{'<br>'.join(map(html.escape, section.lines))}</p>", *map(self._embedded, section.pictures)]
        page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Iterating on an experiment</title><style>{_STYLE}</style>'
        page += f"<body><h1>Iterating on an experiment</h1>{''.join(body)}</body></html>"
        replace_file(self.folder / "index.html", page.encode())

    def _embedded(self, name: str) -> str:
        data = base64.b64encode((self.folder / name).read_bytes()).decode()
        return f'<p><img alt="{html.escape(name)}" src="data:image/png;base64,{data}"></p>'


def _table(rates: dict[int, list[float]]) -> str:
    head = "".join(f"<th>{'before' if number == 0 else f'round {number}'}</th>" for number in rates)
    count = max((len(each) for each in rates.values()), default=0)
    rows = "".join(f"<tr><td>frame {i}</td>{''.join(f'<td>{each[i]:.3f}</td>' for each in rates.values())}</tr>" for i in range(count))
    return f"<details><summary>Detection rate of every frame</summary><table><tr><th></th>{head}</tr>{rows}</table></details>"
