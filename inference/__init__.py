"""From source files to labels, tables, comparisons and reports."""
