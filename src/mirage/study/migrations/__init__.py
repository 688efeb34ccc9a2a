"""The revisions of ``study.sqlite``; `mirage.storage.migrations.upgrade` runs them."""
