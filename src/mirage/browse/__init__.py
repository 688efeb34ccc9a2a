"""What an atlas holds, to be looked through without a query: by concept, by organ, and as a map."""

from mirage.browse.browse import Browse as Browse
