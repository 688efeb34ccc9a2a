"""What SQLite and PostgreSQL say differently, written once: types of columns, lists as parameters, inserting or replacing.

Text is ordered and compared by its characters' codes in both, whatever language a server's databases are made for.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

TEXT: sa.types.TypeEngine[str] = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
STRING: sa.types.TypeEngine[str] = sa.String().with_variant(sa.String(collation="C"), "postgresql")
# SQLite's are as large as they have to be, and only of this type is the key that it counts up.
INTEGER: sa.types.TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Upserting = sqlite.Insert | postgresql.Insert


class NoBytes(FunctionElement[bytes]):
    """Empty bytes, as what a column has where nothing else is given."""

    type, inherit_cache = sa.LargeBinary(), True


@compiles(NoBytes)
def _no_bytes(_element: NoBytes, _compiler: Any, **_given: Any) -> str:
    return "X''"


@compiles(NoBytes, "postgresql")
def _no_bytes_there(_element: NoBytes, _compiler: Any, **_given: Any) -> str:
    return "''::bytea"


class _Listed(sa.TypeDecorator[list[Any]]):
    """A list as one parameter, so that the statement is the same however many things are in it."""

    impl, cache_ok = sa.JSON, True

    def __init__(self, *, of_numbers: bool = False) -> None:
        super().__init__()
        self.of_numbers = of_numbers

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        array = postgresql.ARRAY(sa.BigInteger() if self.of_numbers else sa.Text())
        return dialect.type_descriptor(array if dialect.name == "postgresql" else sa.JSON())

    def process_bind_param(self, value: Any, _dialect: sa.Dialect) -> list[Any]:
        return list(value)


class _Among(FunctionElement[bool]):
    type, inherit_cache = sa.Boolean(), True

    def self_group(self, against: Any = None) -> Any:
        """As it is: SQLAlchemy would put ``= 1`` behind it for SQLite, which then reads whole tables and asks no index."""
        return self


def among(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    """Whether a column's value is among the things in a parameter that is a list.

    Parameters
    ----------
    column : sqlalchemy.ColumnElement
    name : str
        Of the parameter.
    """
    of_numbers = isinstance(column.type, sa.Integer | sa.Float)
    return _Among(column, sa.bindparam(name, type_=_Listed(of_numbers=of_numbers)))


@compiles(_Among)
def _among(element: _Among, compiler: Any, **given: Any) -> str:
    column, listed = (compiler.process(each, **given) for each in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({listed})))"  # noqa: S608 - of what is compiled already


@compiles(_Among, "postgresql")
def _among_there(element: _Among, compiler: Any, **given: Any) -> str:
    column, listed = (compiler.process(each, **given) for each in element.clauses)
    return f"({column} = ANY ({listed}))"


class _Member(FunctionElement[str]):
    type, inherit_cache = sa.Text(), True


def member(column: sa.ColumnElement[str], name: str) -> sa.ColumnElement[str]:
    """The text in a member of an object of JSON.

    Parameters
    ----------
    column : sqlalchemy.ColumnElement
        Text, with an object of JSON in it.
    name : str
        Of the member.
    """
    return _Member(column, sa.literal(name))


@compiles(_Member)
def _member(element: _Member, compiler: Any, **given: Any) -> str:
    column, name = (compiler.process(each, **given) for each in element.clauses)
    return f"json_extract({column}, '$.' || {name})"


@compiles(_Member, "postgresql")
def _member_there(element: _Member, compiler: Any, **given: Any) -> str:
    column, name = (compiler.process(each, **given) for each in element.clauses)
    return f"(CAST({column} AS jsonb) ->> {name})"


def insert_for(connection: sa.Connection, table: sa.Table) -> Upserting:
    """An insert that can say what happens where the row is there already.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        It is executed there.
    table : sqlalchemy.Table
    """
    return insert_in(connection.dialect.name, table)


def insert_in(dialect: str, table: sa.Table) -> Upserting:
    """The same, by the name of the dialect."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
