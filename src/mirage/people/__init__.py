"""Who may do what: the people of a shared site, their sessions, roles and limits."""
