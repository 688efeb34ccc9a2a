"""What a person keeps of an atlas, to look at again, to teach with, and to pass on."""

from mirage.study.study import Study as Study
