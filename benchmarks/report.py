"""README's table of speed, made from a file of results: between two marks there, nothing else is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- speed: made by `make bench`, don't edit -->\n", "<!-- end of speed -->\n"


def write_readme(results: dict[str, Any], readme: Path = README) -> None:
    """Replace what stands between the marks."""
    text = readme.read_text()
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{readme} has no place for the table: put {BEGIN.strip()!r} and {END.strip()!r} there, a line each")
    readme.write_text(before + BEGIN + speed(results) + END + after)


def speed(results: dict[str, Any]) -> str:
    """The table, in Markdown; needs the results of `peers`, `server` and `switch`."""
    machine, rows = results["machine"], list(_rows(results))
    amx = "with" if machine["amx"] else "without"
    lines = [
        f"{machine['processor']}, {machine['cores']} cores {amx} AMX, no GPU; medians, client to client through ZeroMQ.",
        "",
    ]
    lines += ["| | measured | |", "| --- | ---: | --- |"]
    lines += [f"| {what} | {figure} | {remark} |" for what, figure, remark in rows]
    return "\n".join(lines) + "\n"


def _rows(results: dict[str, Any]) -> Any:
    for row in results["peers"]["rows"]:
        others = ", ".join(f"{name} {peer['times_elitscope']:.1f}×" for name, peer in row["peers"].items())
        yield f"8 of AtomAI's default U-Nets, {row['side']}²", f"{row['elitscope_ms']:.0f} ms", f"in the same run, {others} that"
    large = results["peers"]["rows"][-1]
    yield f"of it, all but the networks, {large['side']}²", f"{large['around_ms']:.1f} ms", "transport, normalisation, atoms"
    share = large["share_of_matrix_product"]
    yield (
        "arithmetic of the networks",
        f"{large['arithmetic_gflops']:.0f} GFLOP/s",
        f"{share:.0%} of the fp32 matrix product in the same run",
    )
    server = results["server"]
    remark = "a scan of that size at 1 µs a pixel takes 262 ms"
    yield (
        f"the shipped `graphene`, {server['members']} networks, {server['side']}², one core",
        f"{server['one_core_p50_ms']:.0f} ms",
        remark,
    )
    yield "start to ready, warm disk", f"{server['start_s']:.1f} s", ""
    engine = server["resident_mib"]["engine"]
    yield "memory, engine · all processes", f"{engine:.0f} · {server['resident_total_mib']:.0f} MiB", f"after frames of {server['side']}²"
    switch = results["switch"]["latency"]
    yield "99 % latency while networks change", f"{switch['changes']['p99_ratio']['value']:.2f}×", "of an undisturbed stream's"
    yield "99 % latency at 200 REST requests a second", f"{switch['requests']['p99_ratio']['value']:.2f}×", "of an undisturbed stream's"
