"""Long work that is listed, shown, cancelled and resumed."""

from mirage.jobs.job import ENDED, Job, JobState
from mirage.jobs.queue import Jobs

__all__ = ["ENDED", "Job", "JobState", "Jobs"]
