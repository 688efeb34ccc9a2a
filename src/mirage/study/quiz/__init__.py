"""Quizzes: questions made of figures, asked without giving their answers away, and judged by what is meant."""
