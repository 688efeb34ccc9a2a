"""What goes along: a collection, search or quiz as a deck, slides, sheets, key images or a file for Moodle."""
