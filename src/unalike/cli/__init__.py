"""The command line: reads options, calls the library, prints. No logic of its own."""
