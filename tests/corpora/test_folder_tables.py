"""Tables of words as spreadsheets, programs and people write them."""

from __future__ import annotations

import json
import unicodedata
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from mirage.corpora.base import Item, Refused
from mirage.corpora.folder import FolderCorpus
from mirage.corpora.folder_match import FileNames
from mirage.corpora.folder_words import modality_of, plane_in
from mirage.corpora.table_json import joined
from mirage.corpora.table_text import delimited
from mirage.errors import BadInput
from workbook_maker import workbook

FILES = ("a.png", "b.png", "c.PNG", "ü ä.png", "knee/01.png")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "pictures"
    for number, name in enumerate(FILES):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 20 * number).save(place / name)
    return place


def captions(corpus: FolderCorpus) -> dict[str, str]:
    return {each.label: each.figure.caption for each in corpus.items() if isinstance(each, Item) and each.figure.caption}


def refused(corpus: FolderCorpus) -> dict[str, str]:
    return {each.label: each.reason for each in corpus.items() if isinstance(each, Refused)}


ROWS = [["file", "caption"], ["a.png", "One"], ["b.png", "Two, or three"]]
BOTH = {"a.png": "One", "b.png": "Two, or three"}
TITLED = [["Teaching file 2026"], [], *ROWS]
AS_CSV = 'file,caption\na.png,One\nb.png,"Two, or three"\n'
LINES = [dict(zip(ROWS[0], row, strict=True)) for row in ROWS[1:]]

DIALECTS: list[tuple[str, str | bytes]] = [
    ("figures.csv", AS_CSV),
    ("Figures.CSV", AS_CSV),
    ("our captions.csv", AS_CSV),
    ("figures.tsv", "file\tcaption\na.png\tOne\nb.png\tTwo, or three\n"),
    ("figures.csv", "file;caption\r\na.png;One\r\nb.png;Two, or three\r\n"),
    ("figures.csv", "file|caption\na.png|One\nb.png|Two, or three"),
    ("figures.csv", "file;caption\ra.png;One\rb.png;Two, or three\r"),
    ("figures.txt", "file\tcaption\na.png\tOne\nb.png\tTwo, or three\n"),
    ("figures.csv", 'file,caption\n="a.png",="One"\n="b.png","Two, or three"\n'),
    ("figures.csv", "sep=;\r\nfile;caption\r\na.png;One\r\nb.png;Two, or three\r\n"),
    ("figures.csv", '"sep=;"\nfile;caption\na.png;One\nb.png;Two, or three\n'),
    ("figures.csv", "\ufeffSEP=,\r\n" + AS_CSV),
    ("figures.csv", "\ufeffsep=!\nfile!caption\na.png!One\nb.png!Two, or three\n"),
    ("figures.csv", "file;caption\na.png;One;\nb.png;Two, or three;;\n"),
    ("figures.csv", "file;caption;;\na.png;One;;\nb.png;Two, or three\n"),
    ("figures.csv", "\n\n" + AS_CSV),
    ("figures.csv", ";;\n ;;\nfile;caption;\n;;\na.png;One;\nb.png;Two, or three;\n"),
    ("figures.csv", "Teaching file, of our department;;\n;;\nfile;caption;\na.png;One;\nb.png;Two, or three;\n"),
    ("figures.csv", 'file;"caption, in short, English"\na.png;One\nb.png;Two, or three\n'),
    ("figures.csv", 'caption (English), "Image Index"\nOne, a.png\n"Two, or three", b.png\n'),
    ("figures.csv", AS_CSV.encode("utf-16")),
    ("figures.csv", AS_CSV.encode("utf-16-le")),
    ("figures.csv", AS_CSV.encode("utf-16-be")),
    ("figures.csv", AS_CSV.encode("utf-32")),
    ("figures.csv", "sep=\t\nfile\tcaption\na.png\tOne\nb.png\tTwo, or three\n".encode("utf-16-le")),
    ("figures.csv", AS_CSV.replace("One", "O\0ne").replace("O\0ne", "One\0")),
    ("figures.jsonl", "\n".join(map(json.dumps, LINES))),
    ("figures.jsonl", json.dumps(LINES, indent=1)),
    ("figures.json", json.dumps(LINES)),
    ("figures.json", json.dumps({"version": 1, "images": LINES})),
    ("figures.json", json.dumps({each["file"]: {"caption": each["caption"]} for each in LINES})),
    ("figures.json", json.dumps({each["file"]: each["caption"] for each in LINES})),
    ("figures.json", "\n".join(map(json.dumps, LINES))),
    ("figures.xlsx", workbook({"Sheet1": ROWS})),
    ("Captions of March.xlsx", workbook({"Sheet1": ROWS})),
    ("figures.xlsx", workbook({"Sheet1": TITLED}, merged="A1:B1")),
    ("figures.xlsx", workbook({"Notes": [["About"], ["nothing"]], "Figures": ROWS, "Empty": []})),
    ("figures.xlsx", workbook({"Old": [["file", "caption"], ["a.png", "wrong"]], "New": ROWS}, hidden=["Old"])),
    ("figures.csv", workbook({"Sheet1": ROWS})),
    ("figures.xlsx", AS_CSV),
    ("figures.xls", AS_CSV),
    ("figures.csv", 'Our pictures\nscan_no,caption\na.png,One\nb.png,"Two, or three"\n'),
    ("figures.csv", '"file,caption"\n"a.png,One"\n"b.png,""Two, or three"""\n'),
    ("figures.csv", 'caption,number\nOne,a\n"Two, or three",b\n'),
]


@pytest.mark.parametrize(("name", "data"), DIALECTS, ids=range(len(DIALECTS)))
def test_a_table_is_read_however_it_was_written(place: Path, name: str, data: str | bytes) -> None:
    (place / name).write_bytes(data.encode() if isinstance(data, str) else data)
    corpus = FolderCorpus(place)
    assert captions(corpus) == BOTH
    assert not refused(corpus)


HEADERS = [
    ("Image Index", "Finding Labels"), ("image_name", "diagnosis"), ("Path", "labels"), ("filename", "finding"),
    ("ID", "Caption"), ("Dateiname", "Beschreibung"), ("Nom du fichier", "Légende"), ("Nombre del archivo", "Descripción"),
    ("nome_do_ficheiro", "Descrição"), ("FilePath", "Title"), ("dicom_id", "report"), ("Bild-Nr.", "Diagnose"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "words"), HEADERS)
def test_columns_are_known_by_the_names_that_collections_and_languages_give_them(place: Path, file: str, words: str) -> None:
    (place / "metadata.csv").write_text(f"{file},{words}\na,One\nb,Two\nknee/01,Three\n", "utf-8")
    corpus = FolderCorpus(place)
    items = {each.label: each for each in corpus.items() if isinstance(each, Item)}
    for label, told in (("a.png", "One"), ("b.png", "Two"), ("knee/01.png", "Three")):
        assert told in repr((items[label].figure, items[label].case))
    assert len(corpus.tables[0].columns) == 2


@pytest.mark.parametrize("column", ["name", "Name", "Nachname", "nom", "nombre", "Patient Name", "姓名"])
def test_a_column_that_may_hold_patients_is_no_title_unless_somebody_says_so(place: Path, column: str) -> None:
    people = ("Schmidt", "smith, jon", "J. Smith", "王伟", "Иванов")
    names = "".join(f"{file};{who}\n" for file, who in zip(FILES, people, strict=True))
    (place / "figures.csv").write_text(f"file;{column}\n{names}", "utf-8")
    corpus = FolderCorpus(place)
    assert not any(
        who in repr((each.figure, each.case)) for each in corpus.items() if isinstance(each, Item) for who in people
    )
    assert corpus.tables[0].ignored == (column,)
    assert f"Not read: “{column}”, which may hold the names of patients." in corpus.advice
    told = FolderCorpus(place, columns=[f"title={column}"])
    assert {each.figure.title for each in told.items() if isinstance(each, Item)} == set(people)
    assert "Not read" not in told.advice


FOREIGN = [
    "胸部".encode("shift_jis"), "胸部 X線".encode("shift_jis"), "胸部".encode("gb18030"), "肺炎".encode("gb18030"),
    "흉부".encode("euc_kr"), "폐렴".encode("euc_kr"), "肺炎".encode("big5"), "снимок".encode("cp1251"),
    "größe Füße".encode() + b"\xc3", "l’été – “où”".encode() + b"\xff",
]  # fmt: skip


@pytest.mark.parametrize("words", FOREIGN, ids=range(len(FOREIGN)))
def test_text_that_is_rather_of_another_encoding_is_refused_in_words(place: Path, words: bytes) -> None:
    (place / "figures.csv").write_bytes(b"file,caption\na.png," + words + b"\nb.png,Chest radiograph of a man\n")
    with pytest.raises(BadInput, match="Save it as UTF-8"):
        list(FolderCorpus(place).items())


WESTERN = [
    "größe Füße",
    "l’été, où – «déjà vu»…",
    "5 µm ± 2°",
    "“Ça va”—oui",
    "±½ 10³ €",
    "señor ¿qué?",
    "Œdème aigu",
    "Größe: Ø 3 cm",
]


@pytest.mark.parametrize("words", WESTERN)
def test_western_text_is_read(place: Path, words: str) -> None:
    (place / "figures.csv").write_bytes(f'file;caption\na.png;"{words}"\nb.png;Chest radiograph of a man\n'.encode("cp1252"))
    assert captions(FolderCorpus(place))["a.png"] == words


QUOTED = [
    ("figures.tsv", 'file\tcaption\na.png\t"x" sign\nb.png\tz\n', '"x" sign'),
    ("figures.csv", 'file,caption\na.png,"quoted" word\nb.png,"z"\n', '"quoted" word'),
    ("figures.csv", 'file,caption,plane\na.png,"quoted" word,"axial"\nb.png,z,\n', '"quoted" word'),
    ("figures.csv", 'file,caption\na.png,"a "b" c, d"\nb.png,z\n', 'a "b" c, d'),
    ("figures.csv", 'file,caption\na.png,"he said \\"hi\\", ok"\nb.png,z\n', 'he said "hi", ok'),
    ("figures.csv", 'file,caption\na.png,"he said \\"hi\\""\nb.png,"z"\n', 'he said "hi"'),
    ("figures.csv", 'file,caption,path\na.png,"One","C:\\x\\"\nb.png,"z","D:\\"\n', "One"),
]


@pytest.mark.parametrize(("name", "data", "meant"), QUOTED, ids=range(len(QUOTED)))
def test_quotation_marks_are_read_as_they_are_meant(place: Path, name: str, data: str, meant: str) -> None:
    (place / name).write_text(data)
    assert captions(FolderCorpus(place)) == {"a.png": meant, "b.png": "z"}


def test_a_comma_outside_of_quotation_marks_is_named_as_the_cause(place: Path) -> None:
    (place / "figures.csv").write_text('file,caption\na.png,One\nb.png,"quoted" word, x\n')
    assert "put text that holds a comma in quotes" in refused(FolderCorpus(place))["figures.csv, line 3"]


def test_a_table_without_any_row_is_said(place: Path) -> None:
    (place / "figures.csv").write_text("file,caption\u2028a.png,One\u2028b.png,Two\u2028", "utf-8")
    corpus = FolderCorpus(place)
    assert captions(corpus) == {}
    assert "figures.csv: No row stands below its header" in corpus.advice


def test_marks_and_signs_of_no_width_around_a_cell_are_no_part_of_it(place: Path) -> None:
    (place / "figures.csv").write_text("\ufeff\ufefffile,caption\na.png,One\n\ufeffb.png\u200b,\u200bTwo\n", "utf-8")
    assert captions(FolderCorpus(place)) == {"a.png": "One", "b.png": "Two"}


@pytest.mark.parametrize("nothing", ["#N/A", "N/A", "n/a", "-", "nan", "#REF!"])
def test_what_stands_for_nothing_names_no_file_and_is_no_word(place: Path, nothing: str) -> None:
    (place / "figures.csv").write_text(f"file,caption\n{nothing},One\nb.png,{nothing}\n")
    corpus = FolderCorpus(place)
    assert captions(corpus) == {}
    assert refused(corpus) == {"figures.csv, line 2": "It names no file."}


def test_numbers_are_found_without_the_zeros_that_a_spreadsheet_takes_away() -> None:
    names = FileNames(lambda: ["001.png", "x/0100.png", "7.png", "007.dcm", "img01.png"])
    assert [names.find(each) for each in ("1", "1.0", "100", "x/100.png", "7", "0007", "img1")] == [
        ["001.png"], ["001.png"], ["x/0100.png"], ["x/0100.png"], ["7.png"], ["007.dcm", "7.png"], [],
    ]  # fmt: skip


def test_a_code_page_of_old_macs_is_read_where_line_ends_say_so(place: Path) -> None:
    (place / "figures.csv").write_bytes("Datei;Beschreibung\ra.png;Schädel über\r".encode("mac_roman"))
    corpus = FolderCorpus(place)
    assert captions(corpus) == {"a.png": "Schädel über"}
    assert "line 2) and was read as Mac OS Roman" in corpus.advice


def test_a_table_of_coco_gives_its_captions_else_what_is_marked(place: Path) -> None:
    marked = [{"image_id": 2, "category_id": 3, "bbox": [1, 2, 3, 4]} for _ in range(9)]
    whole = {
        "info": {"year": 2024},
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}, {"id": 3, "file_name": "c.PNG"}],
        "annotations": [{"image_id": 1, "caption": "One"}, {"image_id": 1, "caption": "Two"}, *marked, {"image_id": []}, 7],
        "categories": [{"id": 3, "name": "mass"}, {"name": "x"}],
    }
    (place / "annotations.json").write_text(json.dumps(whole))
    assert captions(FolderCorpus(place)) == {"a.png": "One; Two", "b.png": "mass"}


def test_other_files_that_may_hold_words_are_said(place: Path) -> None:
    (place / "captions.txt").write_text("a.png\tOne\nb.png\tTwo\n")
    (place / "readme.txt").write_text("These are pictures, such as a.png.\n")
    (place / "metadata.parquet").write_bytes(b"PAR1")
    corpus = FolderCorpus(place)
    assert captions(corpus) == {}
    assert "captions.txt has no line above its rows that names the columns." in corpus.advice
    passed = {each.label: each.reason for each in corpus.passed_over}
    assert passed["readme.txt"] == "It is no picture that can be read."
    assert "save these as a table" in passed["metadata.parquet"]


def test_a_whole_number_with_a_point_is_that_number(place: Path) -> None:
    (place / "a.png").rename(place / "1.png")
    (place / "figures.csv").write_text("file,caption\n1.0,One\n")
    corpus = FolderCorpus(place)
    assert captions(corpus) == {"1.png": "One"}
    assert "look" not in corpus.advice


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    names = FileNames(lambda: [f"patient{number:03}/study1/view1.png" for number in range(300)])
    assert names.find("X-v1.0/train/patient007/study1/view1.png") == ["patient007/study1/view1.png"]
    assert names.find("PATIENT007/Study1/view1.PNG") == ["patient007/study1/view1.png"]
    assert len(names.find("study1/view1.png")) == 300
    assert names.find("view1.png", "patient008") == ["patient008/study1/view1.png"]
    assert names.find("patient9/study1/view1.png") == []


def test_other_columns_are_named_by_the_person(place: Path) -> None:
    (place / "words.csv").write_text("where,legend,what\na.png,One,CT\n")
    corpus = FolderCorpus(place, place / "words.csv", columns=["file=where", "caption = Legend", "modality=what"])
    item = next(each for each in corpus.items() if isinstance(each, Item) and each.label == "a.png")
    assert (item.figure.caption, item.figure.modality) == ("One", "CT")
    for wrong, said in ((["file"], "NAME=COLUMN"), (["fil=where"], "no column “fil”"), (["file=here"], "no column “here”")):
        with pytest.raises(BadInput, match=said):
            list(FolderCorpus(place, place / "words.csv", columns=wrong).items())


NFD = unicodedata.normalize("NFD", "ü ä.png")
NAMES = [
    (NFD, "ü ä.png"), ("A.PNG", "a.png"), ("c.png", "c.PNG"), ("a", "a.png"), ("b.dcm", "b.png"),
    (r"knee\01.png", "knee/01.png"),
    (r".\a.png", "a.png"), ("./b.png", "b.png"), ("/data/set/knee/01.png", "knee/01.png"), (r"C:\scans\A.png", "a.png"),
    (r"\\server\share\pictures\b.png", "b.png"), ("https://example.org/x/%C3%BC%20%C3%A4.png?size=1", "ü ä.png"),
    ("file:///home/me/b.png", "b.png"), ("images/a.png", "a.png"), ("01.png", "knee/01.png"), ("01", "knee/01.png"),
    ("pictures/a.png", "a.png"), ("x/../a.png", "a.png"), (" a.png ", "a.png"), ("/elsewhere/z.png", ""), ("../z.png", ""),
    ("z.png", ""), ("elbow/01.png", ""), ("%C3%BC%20%C3%A4.png", "ü ä.png"), ("%2e%2e/z.png", ""),
]  # fmt: skip


@pytest.mark.parametrize(("told", "meant"), NAMES)
def test_a_file_is_found_by_what_a_table_calls_it(place: Path, told: str, meant: str) -> None:
    (place / "figures.csv").write_text(f"file,caption\n{told},One\n", "utf-8")
    corpus = FolderCorpus(place)
    assert captions(corpus) == ({meant: "One"} if meant else {})
    assert len(refused(corpus)) == (not meant)


def test_a_name_that_two_files_may_have_means_none_of_them() -> None:
    names = FileNames(lambda: ["p1/01.png", "p2/01.png", "p2/02.png", "p2/02.jpg", "03.png"])
    assert names.find("01.png") == ["p1/01.png", "p2/01.png"]
    assert names.find("02") == ["p2/02.jpg", "p2/02.png"]
    assert names.find("02.jpg") == ["p2/02.jpg"]
    assert names.find("/data/all/p2/01.png") == ["p2/01.png"]
    assert names.find("/data/all/p3/01.png") == ["p1/01.png", "p2/01.png"]
    assert names.find("p3/01.png") == []
    assert names.find("01.png", "p1") == ["p1/01.png"]


def test_names_of_other_folders_are_told(place: Path) -> None:
    (place / "figures.csv").write_text("file,caption\n/data/x/a.png,One\nB.png,Two\na.png,Three\n")
    corpus = FolderCorpus(place)
    assert "in the table twice, in lines 2 and 4; line 2 was taken." in refused(corpus)["a.png"]
    assert "1 row names a file of other folders" in corpus.advice
    (place / "knee" / "a.png").write_bytes((place / "a.png").read_bytes())
    (place / "figures.csv").write_text("file,caption\n/data/x/a.png,One\n")
    assert "one of several files (line 2 of the table): a.png, knee/a.png" in refused(FolderCorpus(place))["/data/x/a.png"]


def test_a_file_that_is_named_in_two_ways_becomes_one_figure(place: Path) -> None:
    ways = [f"{place.name}/knee/../a.png", "knee/../a.png", "a.png", f"{place.name}/a.png"]
    (place / "figures.csv").write_text("file,caption\n" + "".join(f"{way},One\n" for way in ways))
    corpus = FolderCorpus(place)
    told = refused(corpus)
    assert captions(corpus)["a.png"] == "One"
    assert ["in the table twice" in told[way] for way in ways[1:]] == [True] * 3


OPEN = [
    'a.png,"never closed\nb.png,second\nc.PNG,third\n',
    'a.png,"never closed\nb.png,"second"\nc.PNG,"third"\n',
    'a.png,"never closed\n"b.png","second"\nc.PNG,third\n',
    'a.png,"never closed\nb.png,second\nc.PNG,third"\n',
    'a.png,"never ""closed""\nb.png,second\nc.PNG,third\n',
]


@pytest.mark.parametrize("rows", OPEN)
def test_a_quotation_mark_that_is_never_closed_costs_its_row_alone(place: Path, rows: str) -> None:
    (place / "figures.csv").write_text(f"file,caption\n{rows}")
    corpus = FolderCorpus(place)
    assert {label: text.strip('"') for label, text in captions(corpus).items()} == {"b.png": "second", "c.PNG": "third"}
    assert list(refused(corpus)) == ["figures.csv, line 2"]
    assert "never closed. Close it, or leave it out. Until then its picture, a.png, stays out, too." in str(refused(corpus))
    assert "a.png" not in [each.label for each in corpus.items()], "left out, and not taken without its words"


def test_quotation_marks_within_a_cell_are_kept() -> None:
    rows = 'file,caption\na.png,"the "big" one, here"\nb.png,"two\nlines, and ""quotes"""\nc.png,5" long\nd.png,"" \n'
    read, _ = delimited(rows, lambda cells: cells[0] == "file")
    assert [list(cells) for _, cells in read][1:] == [
        ["a.png", 'the "big" one, here'],
        ["b.png", 'two\nlines, and "quotes"'],
        ["c.png", '5" long'],
        ["d.png", ""],
    ]


@pytest.mark.parametrize("line", ['"', '""', '"""', '""""x', ',"', '","', 'a,"b\n', '"x"y', '" '])
def test_quotation_marks_of_any_kind_take_linear_time(line: str) -> None:
    read, _ = delimited((line + "\n") * 30_000, lambda _: False)
    assert sum(1 for _ in read) <= 90_000


def test_lists_in_cells_are_joined(place: Path) -> None:
    assert [joined(cell) for cell in ('["a", "b"]', "['a', 'b']", "[1, 2]", "[see text]", "[", "[]")] == [
        "a; b", "a; b", "1; 2", "[see text]", "[", "",
    ]  # fmt: skip
    lines = [
        {"file": "a.png", "caption": ["x", None, "y"]},
        {"file_name": "b.png", "caption": {"de": "z", "en": "w"}},
        {"file": "c.PNG", "caption": float("nan"), "age": 50.0},
    ]
    (place / "figures.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n{bad\n")
    corpus = FolderCorpus(place)
    assert captions(corpus) == {"a.png": "x; y", "b.png": "w"}
    assert refused(corpus) == {"figures.jsonl, line 4": "It is no JSON object."}


def test_a_workbook_shows_what_a_person_sees(place: Path) -> None:
    rows = [
        ["file", "caption", "case", "title"],
        ["a.png", ('"a"&"b"', "of a formula"), "Case 7", {"day": 45356}],
        ["b.png", 12.0, "", 0.1 + 0.2],
    ]
    (place / "figures.xlsx").write_bytes(workbook({"Data": rows, "Notes": [["x"]]}, merged="C2:C3"))
    corpus = FolderCorpus(place)
    found = {each.label: each for each in corpus.items() if isinstance(each, Item)}
    assert captions(corpus) == {"a.png": "of a formula", "b.png": "12"}
    assert found["a.png"].case_label == found["b.png"].case_label == "Case 7"
    assert (found["a.png"].figure.title, found["b.png"].figure.title) == ("2024-03-05", "0.3")
    assert found["b.png"].words_from == "line 3 of figures.xlsx"
    assert "Its sheet “Data” was read; not read: “Notes”." in corpus.advice


def test_a_sheet_may_begin_below_and_beside_its_first_cell(place: Path) -> None:
    rows = [[], [], [], ["", "", "case", "file"], ["", "", "Case 7", "a.png"], ["", "", "", "b.png"]]
    (place / "figures.xlsx").write_bytes(workbook({"Data": rows}, merged="C5:C6"))
    found = {each.label: each for each in FolderCorpus(place).items() if isinstance(each, Item)}
    assert found["a.png"].case_label == found["b.png"].case_label == "Case 7"
    assert [found[each].words_from for each in ("a.png", "b.png")] == ["line 5 of figures.xlsx", "line 6 of figures.xlsx"]


FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (workbook({"A": []}, raw=FAR), "more memory or time|more cells"),
        (workbook({"A": []}, raw="<row><c>" + "<c>" * 20_000), "damaged|more memory"),
        (workbook({"A": ROWS})[:900], "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "damaged"),
        (b"PK\x03\x04" + bytes(99), "damaged"),
        (b"", "0 bytes"),
        (b"<html><table><tr><td>file</td></tr></table></html>", "web page"),
    ],
)
def test_a_workbook_that_does_harm_is_refused_in_words(place: Path, data: bytes, said: str) -> None:
    (place / "figures.xlsx").write_bytes(data)
    with pytest.raises(BadInput, match=said) as refusal:
        list(FolderCorpus(place).items())
    assert str(refusal.value).startswith("figures.xlsx ")


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_read(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirage.corpora.table_workbook._UNPACKED_MOST", 2**20)
    with zipfile.ZipFile(place / "figures.xlsx", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", bytes(2**20 + 1))
    with pytest.raises(BadInput, match="unpacks to more than 1 MB"):
        list(FolderCorpus(place).items())


def test_a_table_that_is_not_read_is_said_with_the_reason(place: Path) -> None:
    (place / "figures.csv").write_text(AS_CSV)
    (place / "more.xlsx").write_bytes(workbook({"A": ROWS}))
    (place / "knee" / "notes.csv").write_text("who,when\nI,now\n")
    corpus = FolderCorpus(place)
    assert captions(corpus) == BOTH
    assert "more.xlsx: The table of words here is figures.csv; this one was not read." in corpus.advice
    assert (
        "knee/notes.csv: It is not read as a table of words. notes.csv has no column for the files' names." in corpus.advice
    )
    (place / "figures.csv").rename(place / "words.csv")
    assert (
        "more.xlsx: It is not read as a table of words, because several tables here name files."
        in FolderCorpus(place).advice
    )
    (place / "more.xlsx").unlink()
    (place / "words.csv").write_text("a.png,One\nb.png,Two\n")
    assert "has no line above its rows that names the columns" in FolderCorpus(place).advice


MEANT = """
MRI T2 FLAIR | MR |
T1w | MR |
sagittal T2 | MR | sagittal
CT scan | CT |
CT angiography | CT |
transversal |  | axial
Transversalebene |  | axial
Röntgen, p.a. | XR | frontal
radiografía de tórax PA | XR | frontal
IRM coronale | MR | coronal
RM T1 sagital | MR | sagittal
Ressonância magnética | MR |
TC | CT |
TDM | CT |
Kernspintomographie | MR |
échographie | US |
Ultraschall | US |
Szintigrafie | NM |
mammography CC | MG |
chest x-ray (AP) | XR | frontal
antero-posterior |  | frontal
koronar |  | coronal
PET/CT |  |
axial and coronal |  |
gradient echo MRI | MR |
H&E | SM |
plain words |  |
retinal fundus photograph | OP |
T2* | MR |
sonography | US |
DX | XR |
cataract |  |
assiale |  | axial
"""


@pytest.mark.parametrize("line", MEANT.strip().split("\n"))
def test_modality_and_plane_are_known_by_word(line: str) -> None:
    told, modality, plane = (part.strip() for part in line.split("|"))
    assert (modality_of(told), plane_in(told)) == (modality, plane)


def test_objects_of_which_each_has_a_name_of_its_own_are_no_table(tmp_path: Path) -> None:
    """Every row is as wide as all names together: a megabyte took minutes."""
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    rows = [{"file": "a.png", f"note {number}": "x"} for number in range(1_001)]
    (tmp_path / "figures.json").write_text(json.dumps(rows))
    with pytest.raises(BadInput, match="1,002 different names, where a table has 1,000 columns"):
        [*FolderCorpus(tmp_path).items()]
    (tmp_path / "figures.json").write_text(json.dumps([*rows[:900], {"file": "a.png", "caption": "Mine"}]))
    assert [*FolderCorpus(tmp_path).items()]
