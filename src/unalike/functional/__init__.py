"""Any torch module as a fast pure function of one flat vector, and what that needs: torch only."""
