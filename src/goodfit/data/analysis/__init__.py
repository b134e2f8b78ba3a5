"""What a table holds, looked at more closely than training needs: a file a subject."""
