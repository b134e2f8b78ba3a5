"""Why a network predicts as it does: what its columns are worth, and what single values did."""
