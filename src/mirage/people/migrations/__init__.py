"""The revisions of the people's tables; `mirage.storage.migrations.upgrade` runs them."""
