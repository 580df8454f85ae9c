"""What any HTTP service needs: limits, rates, errors, ranges, metrics. Nothing here knows workflows."""
