"""An atlas's databases moved to another engine, and all of an atlas kept in one file and brought back from it."""

from mirage.backup.moving import Moved, move_records
from mirage.backup.restoring import Restored, restore
from mirage.backup.writing import BackedUp, back_up

__all__ = ["BackedUp", "Moved", "Restored", "back_up", "move_records", "restore"]
