"""Pieces of HTML: everything that is not a piece already is escaped."""

from collections.abc import Iterable, Mapping
from html import escape


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(content: object) -> Html:
    """Return anything as HTML; None is empty."""
    if isinstance(content, Html):
        return content
    return Html("" if content is None else escape(str(content)))


def join(parts: Iterable[object], separator: str = "") -> Html:
    """Return the parts one after another."""
    return Html(separator.join(text(part) for part in parts))


def element(name: str, content: object = "", attributes: Mapping[str, object] | None = None) -> Html:
    """Return an element; attributes that are None are left out."""
    given = [(key, value) for key, value in (attributes or {}).items() if value is not None]
    opening = "".join(f' {key}="{escape(str(value))}"' for key, value in given)
    return Html(f"<{name}{opening}>{text(content)}</{name}>")


def link(address: str, content: object) -> Html:
    """Return a link."""
    return element("a", content, {"href": address})


def badge(status: object) -> Html:
    """Return a status in its colour."""
    return element("span", status, {"class": f"status {escape(str(status)).lower()}"})


def table(heads: Iterable[str], rows: Iterable[Iterable[object]], *, empty: str) -> Html:
    """Return a table, or a sentence when there are no rows."""
    body = [element("tr", join(element("td", cell) for cell in row)) for row in rows]
    if not body:
        return element("p", empty, {"class": "empty"})
    head = element("tr", join(element("th", name) for name in heads))
    return element("table", join([element("thead", head), element("tbody", join(body))]))


def pairs(values: Mapping[str, object]) -> Html:
    """Return names with their values."""
    items = [join([element("dt", name), element("dd", value)]) for name, value in values.items()]
    return element("dl", join(items))


def section(title: str, *content: object) -> Html:
    """Return content under a heading."""
    return element("section", join([element("h2", title), *content]))


_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem; }
th { font-weight: 600; } tr { border-bottom: 1px solid var(--line); } td { vertical-align: top; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; } dd { margin: 0; }
dt { opacity: .7; } dd, td { overflow-wrap: break-word; }
pre { background: var(--soft); padding: .8rem; overflow: auto; max-height: 32rem; white-space: pre-wrap; }
.status { white-space: nowrap; padding: 0 .5rem; border-radius: .6rem; background: var(--soft); }
.completed, .finished, .active { background: #2a84; } .failed { background: #d334; }
.running, .queued { background: #27c4; } .canceled, .disabled { background: #9964; }
.empty { opacity: .6; } svg text { fill: currentColor; font-size: 13px; }
.wide { overflow-x: auto; }
/* boxes hide the lines behind them */
svg rect { stroke: currentColor; fill: color-mix(in srgb, #888 12%, Canvas); }
svg path { stroke: currentColor; fill: none; opacity: .6; }
svg .finished rect { fill: color-mix(in srgb, #2a8 30%, Canvas); }
svg .failed rect { fill: color-mix(in srgb, #d33 25%, Canvas); }
svg .running rect { fill: color-mix(in srgb, #27c 25%, Canvas); }
svg .canceled rect { fill: color-mix(in srgb, #996 30%, Canvas); }
"""


def page(title: str, *content: object, refresh: int | None = None) -> bytes:
    """Return a whole page.

    Args:
        title: Its title and first heading.
        content: What follows.
        refresh: Seconds after which the browser loads it again; None does not.

    Returns:
        Its bytes, in UTF-8.
    """
    again = Html(f'<meta http-equiv="refresh" content="{refresh}">') if refresh else Html("")
    head = join(
        [
            Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width">'),
            Html('<link rel="icon" href="data:,">'),
            again,
            element("title", title),
            Html(f"<style>{_STYLE}</style>"),
        ]
    )
    navigation = element("nav", link("/", "aml_emulator"))
    body = join([navigation, element("h1", title), element("main", join(content))])
    document = f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'
    return document.encode()
