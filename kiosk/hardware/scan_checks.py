"""What a picture from a scanner says about the scan: whether its end is missing, whether anything lies on the glass."""

from __future__ import annotations

from PIL import Image, ImageChops

NEAR_WHITE = 240  # a constant band lighter than this is a page's clean margin
BAND = 1 / 64  # of the height: less may be the edge of a dark desk
SHRINK = 4
STANDS_OUT = 24  # grey levels from the page's own tone
SPECKS = 20  # shrunken pixels that may be dust: 2.3 mm² at 300 dpi


def lost_rows(picture: Image.Image) -> int:
    """How many rows at the lower end are filler: exactly one colour, and not a near-white one.

    A decoder that runs out of data fills the rest evenly (libjpeg: middle grey); real paper, even black, is never
    that even.
    """
    last = picture.crop((0, picture.height - 1, picture.width, picture.height))
    extrema = last.getextrema()
    bounds = extrema if isinstance(extrema[0], tuple) else (extrema,)
    tone = tuple(int(low) for low, _ in bounds)
    if any(low != high for low, high in bounds) or min(tone) >= NEAR_WHITE:
        return 0
    even = Image.new(picture.mode, picture.size, tone if len(tone) > 1 else tone[0])
    box = ImageChops.difference(picture, even).getbbox()
    lost = picture.height - (box[3] if box else 0)
    return lost if lost >= picture.height * BAND else 0


def is_empty(picture: Image.Image) -> bool:
    """Whether nothing stands out from the page's own tone. A faint signature or a pale stamp does; a few specks do
    not.
    """
    small = picture.reduce(SHRINK).convert("RGB")
    margin = max(1, small.width // 50)  # the frame of the glass
    inner = small.crop((margin, margin, small.width - margin, small.height - margin))
    channels = inner.split()
    tone = [_median(channel) for channel in channels]
    apart = ImageChops.difference(inner, Image.new("RGB", inner.size, (tone[0], tone[1], tone[2])))
    red, green, blue = apart.split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return sum(most.histogram()[STANDS_OUT:]) <= SPECKS


def _median(channel: Image.Image) -> int:
    half, seen = channel.width * channel.height / 2, 0
    for tone, count in enumerate(channel.histogram()):
        seen += count
        if seen >= half:
            return tone
    return 255
