"""From a card to files: layouts, tables of classes, subjects and splits."""
