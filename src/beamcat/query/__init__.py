"""The ICAT query languages: text -> tree -> SQL -> rows."""
