"""The verbs of the library, one file each: compare, resume, diagnose, advise."""
