"""The paper's comparisons as experiments: rows of encoders, columns of tasks, equal budgets, seeds."""
