"""The graph of a pipeline as a drawing: steps in layers from left to right, arrows along the data."""

from collections.abc import Mapping
from dataclasses import dataclass

from aml_emulator.pages.html import Html, element, join

_LEAST_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 170, 40, 60, 20
_LETTER = 8  # a letter of the drawing's font is at most so wide, in pixels


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
    """Return the drawing as SVG; boxes are as wide as the longest name."""
    wide = max([_LEAST_WIDTH, *(_LETTER * len(box.name) + 20 for box in boxes.values())])
    depth = layers(boxes)
    rows: dict[int, int] = {}
    place: dict[str, tuple[int, int]] = {}
    for key in boxes:
        column = depth[key]
        rows[column] = rows.get(column, 0) + 1
        place[key] = (column * (wide + _GAP_X) + 5, (rows[column] - 1) * (_HEIGHT + _GAP_Y) + 5)
    arrows = [_arrow(place[other], place[key], wide) for key, box in boxes.items() for other in sorted(box.after)]
    width = (max(rows, default=0) + 1) * (wide + _GAP_X)
    height = max(rows.values(), default=1) * (_HEIGHT + _GAP_Y) + 10
    shapes = [_box(boxes[key], *place[key], wide) for key in boxes]
    attributes = {"viewBox": f"0 0 {width} {height}", "width": width, "height": height, "role": "img"}
    return element("div", element("svg", join([*arrows, *shapes]), attributes), {"class": "wide"})


def _arrow(source: tuple[int, int], target: tuple[int, int], wide: int) -> Html:
    x1, y1 = source[0] + wide, source[1] + _HEIGHT // 2
    x2, y2 = target[0], target[1] + _HEIGHT // 2
    middle = (x1 + x2) // 2
    curve = f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2} m-7 -4 l7 4 l-7 4"
    return element("path", "", {"d": curve})


def _box(box: Box, x: int, y: int, wide: int) -> Html:
    rectangle = element("rect", "", {"x": x, "y": y, "width": wide, "height": _HEIGHT, "rx": 6})
    label = element("text", box.name, {"x": x + 10, "y": y + _HEIGHT // 2 + 4})
    content = join([element("title", f"{box.name}: {box.status}"), rectangle, label])
    if box.address:
        content = element("a", content, {"href": box.address})
    return element("g", content, {"class": box.status.lower()})
