"""Which columns of a table of words are read, what else each may be called, and which of a table's lines names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from mirage.corpora.table_text import Row, Unread
from mirage.errors import BadInput
from mirage.letters import unaccented
from mirage.wording import _

COLUMNS: dict[str, tuple[str, ...]] = {
    "file": (
        "file_name", "filename", "image", "image_file", "image_path", "path", "picture", "file_path", "image_name",
        "image_filename", "image_file_name", "image_index", "images", "img", "img_name", "img_path", "img_file", "fname",
        "picture_file", "photo", "dicom_path", "dicom_file", "dcm_file", "file_location", "dateiname", "datei", "bild",
        "bilddatei", "dateipfad", "pfad", "bildname", "fichier", "nom_fichier", "nom_du_fichier", "nom_de_fichier",
        "fichier_image", "chemin", "archivo", "nombre_archivo", "nombre_de_archivo", "nombre_del_archivo", "fichero",
        "nombre_fichero", "imagen", "ruta", "arquivo", "nome_arquivo", "nome_do_arquivo", "ficheiro", "nome_do_ficheiro",
        "imagem", "caminho", "nome_file", "nomefile", "immagine", "percorso", "bestand", "bestandsnaam", "afbeelding",
        "plik", "nazwa_pliku", "filnamn", "filnavn", "obraz", "soubor", "fajl",
    ),
    "id": ("figure_id", "image_id"),
    "caption": (
        "text", "description", "image_caption", "captions", "figure_caption", "legend", "figure_legend", "alt_text",
        "image_description", "bildunterschrift", "beschreibung", "bildbeschreibung", "legende", "descripcion", "leyenda",
        "pie_de_foto", "descricao", "legenda", "didascalia", "descrizione", "bijschrift", "beschrijving", "opis",
        "popis", "beskrivning", "beskrivelse", "bildtext",
    ),
    "title": ("case_title", "titel", "titre", "titulo", "titolo"),
    "diagnosis": (
        "label", "class", "case_diagnosis", "condition", "labels", "finding_labels", "dx", "diagnose", "diagnosen",
        "diagnostic", "diagnostico", "diagnosi", "final_diagnosis", "primary_diagnosis", "class_name", "diagnosis_1",
        "pathology", "disease", "diseases", "enddiagnose", "rozpoznanie", "diagnos",
    ),
    "modality": ("type", "imaging_modality", "image_modality", "modalitat", "modalite", "modalidad", "modalidade",
                 "modalita", "image_type", "scan_type", "modaliteit"),
    "plane": ("view", "projection", "orientation", "view_position", "image_plane", "ap_pa", "ebene", "schnittebene",
              "projektion", "incidence", "plano", "plan_de_coupe", "coupe", "corte", "proyeccion", "projecao", "piano",
              "vlak"),
    "region": ("body_part", "body_region", "anatomy", "location", "body_part_examined", "anatomical_region", "organ",
               "anatom_site_general", "localization", "korperregion", "organe", "region_anatomique", "region_anatomica",
               "regiao", "regione"),
    "patient": ("age_and_sex",),
    "age": ("patient_age", "age_approx", "age_years", "alter", "edad", "idade", "eta", "leeftijd", "wiek", "alder", "vek"),
    "sex": ("gender", "patient_sex", "patient_gender", "geschlecht", "sexe", "sexo", "sesso", "genre", "geslacht", "płec",
            "kon", "kjønn", "pohlavi"),
    "case": ("case_id", "study", "study_id", "fall", "cas", "caso"),
    "history": ("clinical_history", "indication", "anamnese", "anamnesis", "clinical_information", "historia_clinica",
                "renseignements_cliniques"),
    "findings": ("finding", "report", "befund", "befunde", "hallazgos", "achados", "informe", "laudo", "reperti", "referto"),
    "differential": ("differential_diagnosis", "ddx", "differentialdiagnose", "diagnostic_differentiel",
                     "diagnostico_diferencial"),
    "diagnosis_by": ("proof", "proven_by", "confirmed_by", "diagnosis_confirmed_by", "diagnosis_confirm_type"),
    "discussion": ("comment", "diskussion", "discusion", "kommentar", "commentaire", "comentario", "impression"),
    "licence": ("license", "rights", "copyright_license", "lizenz", "licencia", "licenca"),
    "licence_url": ("license_url",),
    "attribution": ("credit", "author", "source", "quelle", "fuente", "fonte"),
    "url": ("link", "source_url"),
}  # fmt: skip
"""Columns that are read, and other names that each may have. Only ``file`` is required."""

_NAMES_TOO = (
    "image_id", "img_id", "imageid", "isic_id", "id_code", "dicom_id", "image_uid", "sop_instance_uid", "figure_id",
    "roco_id", "id", "uid", "name", "patient_id",
)  # fmt: skip
"""Columns that name files where the table has no other for it, and what stands in them are names of files."""

_WHOSE = frozenset(
    "name names nom noms nombre nome naam nachname vorname familienname surname firstname lastname fullname givenname "
    "patientname patientsname namepatient nompatient nombrepaciente nomepaciente patientenname apellido apellidos cognome "
    "prenom sobrenome achternaam имя фамилия 姓名 名前 氏名".split()
)
"""Columns that hold titles in one table and patients in the next: none is read, unless somebody says what it is."""

HEADER_WITHIN = 20
_LONGEST_NAME = 80
_SAMPLE, _NAMED = 60, 3
_PICTURES = re.compile(r"(?i)\.(png|jpe?g|webp|tiff?|bmp|gif|dcm|dicom|nii|nii\.gz|heic|heif|avif|jp2)$")


def plain(name: str) -> str:
    """A column's name in the form in which names are compared: small letters and figures, without accents."""
    bare = unaccented(name)
    return re.sub(r"[\W_]+", "", bare.casefold())


def shapes_of(header: Sequence[str]) -> list[str]:
    """Columns' names in that form; of one that is known only without what follows it, as “caption (English)”, that part."""
    return [next(filter(_NAMES.__contains__, _shapes(name)), plain(name)) for name in header]


def _shapes(name: str) -> tuple[str, str]:
    return plain(name[:_LONGEST_NAME]), plain(re.split(r"[,;:(\[/–]| - ", name[:_LONGEST_NAME], maxsplit=1)[0])


_KNOWN = {name: tuple(map(plain, (name, *others))) for name, others in COLUMNS.items()}
_FILE = frozenset(_KNOWN["file"])
_TOO = frozenset(map(plain, _NAMES_TOO))
_NAMES = frozenset(name for names in _KNOWN.values() for name in names)


def is_picture_name(cell: str) -> bool:
    """Whether a cell ends as the name of a picture does."""
    return bool(_PICTURES.search(cell.strip()))


def is_header(cells: Sequence[str]) -> bool:
    """Whether some cells are the names of columns, one of them surely for the files' names."""
    return not _FILE.isdisjoint(plain(cell[:_LONGEST_NAME]) for cell in cells)


def places_of(table: str, header: Sequence[str], given: Mapping[str, str]) -> dict[str, int]:
    """The place of each known column: what was given, else that name itself, else a synonym.

    Parameters
    ----------
    table : str
        What to call it in messages.
    header : sequence of str
    given : mapping
        The table's own names for names of `COLUMNS`.

    Raises
    ------
    mirage.errors.BadInput
        When a column that was given is not there.
    """
    shapes = shapes_of(header)
    places: dict[str, int] = {}
    for name, column in given.items():
        bare = [plain(each) for each in header]
        if column not in header and plain(column) not in bare:
            raise BadInput(
                _(
                    "%(table)s has no column “%(column)s”. It has: %(what)s.",
                    table=table,
                    column=column,
                    what=", ".join(filter(None, header)) or _("none"),
                )
            )
        places[name] = header.index(column) if column in header else bare.index(plain(column))
    for name, known in _KNOWN.items():
        for each in known:
            if name not in places and each in shapes and shapes.index(each) not in places.values():
                places[name] = shapes.index(each)
    return places


def withheld(ignored: Sequence[str]) -> str:
    """What to say of columns that are not read because they may say who the patients are; empty where there are none."""
    found = [each for each in ignored if plain(each[:_LONGEST_NAME]) in _WHOSE]
    if not found:
        return ""
    those = ", ".join(f"“{each[:_LONGEST_NAME]}”" for each in found[:_NAMED])
    return _(
        "Not read: %(columns)s, which may hold the names of patients. If it holds titles and names nobody, say so (in the "
        "command: --column title=%(first)s).",
        columns=those,
        first=found[0][:_LONGEST_NAME],
    )


def synonyms_in(header: Sequence[str]) -> list[list[int]]:
    """The columns of a header that are called by different names of one column of `COLUMNS`, where there are several."""
    shapes = shapes_of(header)
    found = ([shapes.index(each) for each in known if each in shapes] for known in _KNOWN.values())
    return [columns for columns in found if len(columns) > 1]


def header_of(
    rows: Sequence[Row], given: Mapping[str, str], there: Callable[[str], bool] | None = None
) -> tuple[int, int | None]:
    """Which of a table's first rows names the columns.

    Parameters
    ----------
    rows : sequence of Row
        The first of the table.
    given : mapping
        As for `places_of`.
    there : callable, optional
        Whether a file of some name is there.

    Returns
    -------
    (int, int or None)
        Its place among the rows, and the column that names files where only what stands in it says so; -1 where none does.
    """
    first = [(place, cells) for place, (_, cells) in enumerate(rows[:HEADER_WITHIN]) if not isinstance(cells, Unread)]
    wanted = {plain(column) for column in given.values()}

    def known(cells: Sequence[str]) -> int:
        """How many of its cells are names of columns; 0 where it cannot be the header."""
        shapes = {plain(cell) for cell in cells if len(cell) < _LONGEST_NAME}
        named = "file" in given or bool(shapes & _FILE)
        return (
            1 + sum(any(each in shapes for each in names) for names in _KNOWN.values()) if named and wanted <= shapes else 0
        )

    best = max(((known(cells), -place) for place, cells in first), default=(0, 0))
    if best[0]:
        return -best[1], None
    if "file" in given:
        return (first[0][0] if first else -1), None
    if there is None:
        return -1, None
    naming: list[tuple[tuple[bool, float, int], int, int]] = []
    for place, cells in first:
        if any(_PICTURES.search(cell.strip()) for cell in cells):
            break  # a row
        below = [other for _, other in rows[place + 1 : place + _SAMPLE] if not isinstance(other, Unread)]
        naming += [(fit, -place, column) for fit, column in _naming(cells, below, there)]
    if not naming:
        return -1, None
    _other, place, column = max(naming)
    return -place, column


def _naming(
    header: Sequence[str], below: Sequence[Sequence[str]], there: Callable[[str], bool]
) -> Iterator[tuple[tuple[bool, float, int], int]]:
    """Columns whose cells are names of files that are there: half of them where its name or theirs fit, else nearly all."""
    for column, name in enumerate(header):
        cells = [row[column].strip() for row in below if column < len(row) and row[column].strip()]
        if not name.strip() or not cells:
            continue
        found = [cell for cell in cells if there(cell)]
        share, fits = len(found) / len(cells), plain(name) in _TOO
        if share >= (0.5 if fits or any(map(_PICTURES.search, found)) else 0.8) and (fits or len(set(cells)) == len(cells)):
            yield (fits, share, sum(bool(cell.strip()) for cell in header)), column


def lacks_names(table: str, rows: Sequence[Row]) -> BadInput:
    """Say that a table has no column for the files' names."""
    first = next(([cell.strip() for cell in cells] for _, cells in rows if not isinstance(cells, Unread)), [])
    if any(_PICTURES.search(cell) for cell in first):
        return BadInput(
            _(
                "%(table)s has no line above its rows that names the columns. Put one there, such as “file,caption”.",
                table=table,
            )
        )
    has = ", ".join(cell[:40] for cell in first[:30] if cell) or _("no columns")
    return BadInput(
        _(
            "%(table)s has no column for the files' names. It has: %(has)s. Wanted is “file” (or "
            "%(file)s), or say which column it is (in the command: --column file=NAME).",
            table=table,
            has=has,
            file=", ".join(COLUMNS["file"][:7]),
        )
    )


def mapped(columns: Mapping[str, str] | Sequence[str] | None) -> dict[str, str]:
    """Columns as a mapping, from ``["file=image_name"]`` or as they are.

    Raises
    ------
    mirage.errors.BadInput
    """
    if columns is None or isinstance(columns, Mapping):
        return dict(columns or {})
    pairs = [each.partition("=") for each in columns]
    if wrong := next(
        (each for each, (ours, _, theirs) in zip(columns, pairs, strict=True) if not ours.strip() or not theirs.strip()),
        None,
    ):
        raise BadInput(_("A column is given as NAME=COLUMN, such as file=image_name; not “%(wrong)s”.", wrong=wrong))
    if unknown := next((ours.strip() for ours, *_ in pairs if ours.strip() not in COLUMNS), None):
        raise BadInput(
            _("There is no column “%(unknown)s”. Columns are: %(COLUMNS)s.", unknown=unknown, COLUMNS=", ".join(COLUMNS))
        )
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}
