"""What came out of a study: the frame, the table, the verdict, intervals and harm."""
