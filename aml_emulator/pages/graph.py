"""The graph of a pipeline as a drawing: steps in layers from left to right, arrows along the data."""

from collections.abc import Mapping
from dataclasses import dataclass

from aml_emulator.pages.html import Html, element, join

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 170, 40, 60, 20


@dataclass(frozen=True)
class Box:
    """A step in the drawing.

    Attributes:
        name: What is written in it.
        status: Its status; decides its colour.
        after: Ids of the steps that arrows come from.
        address: Where a click leads; None leads nowhere.
    """

    name: str
    status: str
    after: frozenset[str]
    address: str | None = None


def layers(boxes: Mapping[str, Box]) -> dict[str, int]:
    """Return the layer of each step: one more than the deepest of those before it."""
    depth: dict[str, int] = {}
    while len(depth) < len(boxes):
        known = {key for key, box in boxes.items() if key not in depth and box.after <= depth.keys()}
        if not known:
            # a circle cannot be drawn in layers; what is left stands in the first
            known = boxes.keys() - depth.keys()
            return {**depth, **dict.fromkeys(known, 0)}
        for key in known:
            depth[key] = 1 + max((depth[other] for other in boxes[key].after), default=-1)
    return depth


def draw(boxes: Mapping[str, Box]) -> Html:
    """Return the drawing as SVG."""
    depth = layers(boxes)
    rows: dict[int, int] = {}
    place: dict[str, tuple[int, int]] = {}
    for key in boxes:
        column = depth[key]
        rows[column] = rows.get(column, 0) + 1
        place[key] = (column * (_WIDTH + _GAP_X) + 5, (rows[column] - 1) * (_HEIGHT + _GAP_Y) + 5)
    arrows = [_arrow(place[other], place[key]) for key, box in boxes.items() for other in sorted(box.after)]
    width = (max(rows, default=0) + 1) * (_WIDTH + _GAP_X)
    height = max(rows.values(), default=1) * (_HEIGHT + _GAP_Y) + 10
    shapes = [_box(boxes[key], *place[key]) for key in boxes]
    attributes = {"viewBox": f"0 0 {width} {height}", "width": width, "height": height, "role": "img"}
    return element("svg", join([*arrows, *shapes]), attributes)


def _arrow(source: tuple[int, int], target: tuple[int, int]) -> Html:
    x1, y1 = source[0] + _WIDTH, source[1] + _HEIGHT // 2
    x2, y2 = target[0], target[1] + _HEIGHT // 2
    middle = (x1 + x2) // 2
    curve = f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2} m-7 -4 l7 4 l-7 4"
    return element("path", "", {"d": curve})


def _box(box: Box, x: int, y: int) -> Html:
    rectangle = element("rect", "", {"x": x, "y": y, "width": _WIDTH, "height": _HEIGHT, "rx": 6})
    shown = box.name if len(box.name) <= 22 else f"{box.name[:21]}…"
    label = element("text", shown, {"x": x + 10, "y": y + _HEIGHT // 2 + 4})
    content = join([element("title", f"{box.name}: {box.status}"), rectangle, label])
    if box.address:
        content = element("a", content, {"href": box.address})
    return element("g", content, {"class": box.status.lower()})
