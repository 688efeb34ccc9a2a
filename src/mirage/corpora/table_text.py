"""The text of a table as rows of cells: whatever spreadsheets and programs write."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from mirage.errors import BadInput
from mirage.wording import N_, Words, _


class Unread(str):
    """Why a line cannot be read as a row, with what seem to be its cells."""

    cells: Sequence[str] = ()

    @classmethod
    def of(cls, reason: str, cells: Sequence[str]) -> Unread:
        """Make one."""
        made = cls(reason)
        made.cells = cells
        return made


Row = tuple[int, Sequence[str] | Unread]
"""The number of a line, and its cells, or why they cannot be read."""

DELIMITERS = ",;\t|^"
_CALLED = Words({
    ",": N_("a comma"), ";": N_("a semicolon"), "\t": N_("a tab"), "|": N_("a vertical line"), "^": N_("a caret"),
})  # fmt: skip
_SEPARATOR = re.compile(r'(?i)[\s\x00]*"?sep=(.)"?[ ,;|\t]*(?=\n|$)')
_AS_TEXT = re.compile(r'="((?:[^"]|"")*)"')
_UNSEEN = "\ufeff\u200b\u2060\u200e\u200f"
_HEAD, _HEAD_ROWS = 65_536, 40
_TRIED_MOST = 64 * 2**20
# Within a cell of several lines, what is surely the next row: its opening quote was never closed.
_NEXT_ROW = r"\n[^\n\"{0}]{{1,200}}\.(?i:png|jpe?g|webp|tiff?|bmp|gif|dcm|dicom|nii|gz|heic|heif|avif|jp2)\"?{0}"
_LINE_IN_QUOTES = re.compile(r'^"(.*)"$')
_WORDS_IN_QUOTES = re.compile(r' *"[^"]*[^\s"]"(?=[\s.:!?)-])')
_QUOTED_MOST, _QUOTES_MOST = 10_000, 32  # of a line, which is tried in another way
_ESCAPED, _TRIED = "\ue0a2", 10_000  # a sign of no script stands for an escaped mark; rows that are tried
_DOUBLED = re.compile(r'\\""[^\n,;\t|^]')
_UNCLOSED = N_("A quotation mark in it opens a cell and is never closed. Close it, or leave it out.")


def decoded(data: bytes, name: str) -> tuple[str, str]:
    """Text of bytes in UTF-8, UTF-16 or what is surely Windows-1252, with line ends as ``\\n``.

    Parameters
    ----------
    data : bytes
    name : str
        Of the file, for messages.

    Returns
    -------
    (str, str)
        The text, and what a person should know of how it was read; empty for UTF-8.

    Raises
    ------
    mirage.errors.BadInput
    """
    encoding, note = _encoding(data), ""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig":
            raise BadInput(
                _(
                    "%(name)s is cut short or damaged: it is not %(upper)s to its end. Save it again.",
                    name=name,
                    upper=encoding.upper(),
                )
            ) from None
        line = data.count(b"\n", 0, error.start) + 1
        # Excel for Mac wrote its own code page, and line ends that nothing else writes.
        code, called = ("mac_roman", "Mac OS Roman") if b"\n" not in data and b"\r" in data else ("cp1252", "Windows-1252")
        line = data.count(b"\r", 0, error.start) + 1 if code == "mac_roman" else line
        text = _western(data, code)
        if not text and code == "mac_roman":
            text, called = _western(data, "cp1252"), "Windows-1252"
        if not text:
            raise BadInput(
                _(
                    "%(name)s is not UTF-8: byte 0x%(data)s in line %(line)s belongs to another "
                    "encoding, or is damaged. Save it as UTF-8 (in a spreadsheet: “CSV UTF-8”).",
                    name=name,
                    data=format(data[error.start], "02x"),
                    line=line,
                )
            ) from None
        note = _(
            "It is not UTF-8 (byte %(byte)s in line %(line)s) and was read as %(called)s. Look whether its accents are "
            "right; saved as “CSV UTF-8” there is no doubt.",
            byte=f"0x{data[error.start]:02x}",
            line=line,
            called=called,
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # Of tables that were written one behind the other, each may begin with a mark.
    return text.replace("\n\ufeff", "\n").lstrip("\ufeff"), note


def bare(cell: str) -> str:
    """A cell without the space around it, nor signs of no width, nor what keeps a spreadsheet from counting, ``="007"``."""
    plain = cell.strip().strip(_UNSEEN).strip()
    kept = _AS_TEXT.fullmatch(plain) if plain.startswith("=") else None
    return kept[1].replace('""', '"') if kept else plain


def _encoding(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark: of Latin text in UTF-16 every other byte is 0.
    head = data[:4096]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * 5 > len(head) and min(even, odd) * 10 <= max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8-sig"


_HIGH = re.compile(rb"[\x80-\xff]")
_IN_UTF8 = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_SIGNS = re.compile(r"[^\x00-\x7fÀ-ÖØ-öø-ÿŒœŠšŽžŸ]{2,}")
_LETTERS = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿŒœŠšŽžŸ]+")
_PRINTED = "“”„‘’«»–—…°±²³µ×™®©€\xa0·½¼¾"  # what stands beside another sign in western texts
_FOREIGN = frozenset("¤¦¨¯´¸¬ƒˆ˜‹›")


def _western(data: bytes, code: str) -> str:
    """The text in a western code page where that makes words of it; empty where it is rather another encoding."""
    try:
        text = data.decode(code)
    except UnicodeDecodeError:
        return ""
    # Several bytes that make a sign of UTF-8, more often than one that stands alone: it is UTF-8, and damaged.
    signs = _IN_UTF8.findall(data)
    if signs and len(signs) >= len(_HIGH.findall(data)) - sum(map(len, signs)):
        return ""
    if any(not _FOREIGN.isdisjoint(pair) or len(pair.strip(_PRINTED)) > 1 for pair in _SIGNS.findall(text)):
        return ""
    # A word of several letters none of which is one of a to z, as Chinese and Korean are seen.
    if any(len(word) > 1 and not re.search("[A-Za-z]", word) for word in _LETTERS.findall(text)):
        return ""
    others = re.findall(r"[^\x00-\x7f]+", text)
    letters = sum(len(run) for run in others)
    # Cyrillic or Greek would be nearly all of it; a sign between two letters is a letter of another code page.
    odd = re.search(r"(?<=[A-Za-zÀ-ÿŠšŽžŸ])[^\x00-\x7fÀ-ÖØ-öø-ÿŒœ’–—­](?=[A-Za-zÀ-ÿ])|[a-zà-ÿ][ŠŽŸÀ-Þ]|[×÷](?=[a-z])", text)
    longest = max(map(len, others), default=0)
    return "" if odd or longest > 4 or letters * 4 > len(text) else text


def delimited(text: str, is_header: Callable[[Sequence[str]], bool]) -> tuple[Iterator[Row], str]:
    """Rows of text with delimiters, without the empty ones, and what the delimiter is called.

    The delimiter is the one that a first line ``sep=;`` names, else the one that makes a header, else the one that cuts
    the most lines alike.

    Parameters
    ----------
    text : str
        As `decoded` gives it.
    is_header : callable
        Whether some cells are the names of columns.
    """
    if told := _SEPARATOR.match(text):
        at, delimiter = told.end(), told[1]
    else:
        at, delimiter = 0, _delimiter(text, is_header)
        if not _has_header(text, delimiter, is_header) and text.lstrip().startswith('"'):
            # Some programs put every line in quotes, as if it were one cell.
            lines = (_LINE_IN_QUOTES.sub(lambda line: line[1].replace('""', '"'), line) for line in text.split("\n"))
            bare = "\n".join(lines)
            if _has_header(bare, within := _delimiter(bare, is_header), is_header):
                text, delimiter = bare, within
    if escaped := _escaped(text[at:], delimiter):
        text = text.replace('\\"', _ESCAPED)
    rows = _records(text, at, delimiter)
    if escaped:
        rows = (
            (line, row if isinstance(row, Unread) else [each.replace(_ESCAPED, '"') for each in row]) for line, row in rows
        )
    filled = ((line, row) for line, row in rows if isinstance(row, Unread) or any(cell.strip() for cell in row))
    return filled, _CALLED.get(delimiter) or f"“{delimiter}”"


def _has_header(text: str, delimiter: str, is_header: Callable[[Sequence[str]], bool]) -> bool:
    return any(is_header(cells) for _, cells in islice(_records(text, 0, delimiter), _HEAD_ROWS))


def _delimiter(text: str, is_header: Callable[[Sequence[str]], bool]) -> str:
    head = text[:_HEAD] if len(text) <= _HEAD else text[: text.rfind("\n", 0, _HEAD) + 1 or _HEAD]

    def fit(delimiter: str) -> tuple[bool, int, int]:
        rows = [cells for _, cells in islice(_records(head, 0, delimiter), _HEAD_ROWS) if not isinstance(cells, Unread)]
        header = next((cells for cells in rows if is_header(cells)), None)
        if header is not None:
            return True, sum(bool(cell.strip()) for cell in header), 0
        (width, alike), *_other = Counter(map(len, rows)).most_common(1) or [(1, 0)]
        return False, alike if width > 1 else 0, width

    return max(DELIMITERS, key=fit)


def _records(text: str, at: int, delimiter: str) -> Iterator[Row]:
    """Every line or, where a cell in quotes goes on, several. The time is linear, however its quotes are set."""
    plain, ends = re.compile(f"[{re.escape(delimiter)}\n]"), re.compile(f" *(?:[{re.escape(delimiter)}\n]|$(?!\n))")
    next_row = re.compile(_NEXT_ROW.format(re.escape(delimiter)))
    dead: set[int] = set()  # quotes from which no end of a cell is reached
    line, size, width = text.count("\n", 0, at) + 1, len(text), 0

    def closing(begin: int) -> int:
        """Where the quote is that closes a cell; -1 where it is closed nowhere."""
        first, seen = text.find("\n", begin), []
        first = size if first < 0 else first
        quote = text.find('"', begin)
        while quote >= 0 and not (quote > first and quote in dead):
            if quote > first:
                seen.append(quote)
            if text.startswith('""', quote):
                quote = text.find('"', quote + 2)
            elif ends.match(text, quote + 1):
                if quote > first and next_row.search(text, begin - 1, quote):
                    break
                return quote
            elif quote > first:
                break  # it opens another cell
            else:
                quote = text.find('"', quote + 1)  # somebody's quotation marks, not doubled
        dead.update(seen)
        return -1

    def record(begin: int) -> tuple[list[str], int] | None:
        cells: list[str] = []
        while True:
            start = begin
            while text.startswith(" ", start) and delimiter != " ":
                start += 1
            if text.startswith('"', start):
                if (end := closing(start + 1)) < 0:
                    return None
                cells.append(text[start + 1 : end].replace('""', '"'))
                stop = plain.search(text, end + 1)
            else:
                stop = plain.search(text, begin)
                cells.append(text[begin : stop.start() if stop else size])
            if stop is None or stop[0] == "\n":
                return cells, stop.start() if stop else size
            begin = stop.end()

    while at < size:
        stop = text.find("\n", at)
        stop = size if stop < 0 else stop
        cells: Sequence[str] | Unread = text[at:stop].split(delimiter)
        if text.find('"', at, stop) >= 0:
            cells, stop = _as_meant(record(at), (text[at:stop], stop), delimiter, width)
        yield line, cells
        width = width if isinstance(cells, Unread) else len(cells)
        line, at = line + text.count("\n", at, stop) + 1, stop + 1


def _as_meant(
    found: tuple[list[str], int] | None, alone: tuple[str, int], delimiter: str, width: int
) -> tuple[Sequence[str] | Unread, int]:
    """What was read from a line on, or the line alone, where words in quotation marks do not put a cell in quotes."""
    line, stop = alone
    apart = _in_quotes(line, delimiter)
    if apart and (found is None or len(found[0]) < len(apart) == width):
        return apart, stop
    return found or (Unread.of(_(_UNCLOSED), line.split(delimiter)), stop)


def _in_quotes(line: str, delimiter: str) -> list[str] | None:
    """The cells of a line where some begin with words in quotation marks, ``"x" sign``; None where that is not surely so."""
    if len(line) > _QUOTED_MOST or not 0 < line.count('"') <= _QUOTES_MOST or line.count('"') % 2:
        return None
    cell = re.compile(rf' *"((?:[^"]|"")*)" *(?={re.escape(delimiter)}|$)|([^{re.escape(delimiter)}]*)')
    cells, at = [], 0
    while True:
        found = cell.match(line, at)
        assert found is not None  # the second way may be empty
        own = found[2]
        if own is not None and own.lstrip().startswith('"') and not _WORDS_IN_QUOTES.match(own):
            return None
        cells.append(found[1].replace('""', '"') if own is None else own)
        if found.end() >= len(line):
            return cells
        at = found.end() + 1


def _escaped(text: str, delimiter: str) -> bool:
    """Whether quotation marks within cells are written with a stroke before them: where the rows fit better, or as well."""
    if '\\"' not in text or _ESCAPED in text:
        return False

    def odd(text: str) -> int:
        rows = [row for _, row in islice(_records(text[:_TRIED_MOST], 0, delimiter), _TRIED)]
        widths = [len(row) for row in rows if not isinstance(row, Unread)]
        return len(rows) - sum(width == widths[0] for width in widths)

    return odd(text.replace('\\"', _ESCAPED)) <= odd(text) if not _DOUBLED.search(text) else False
