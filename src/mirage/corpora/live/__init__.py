"""Sources on the network that a person may ask for pictures. None is ever asked unless somebody says so."""
