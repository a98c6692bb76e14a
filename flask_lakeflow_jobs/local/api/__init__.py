"""The Jobs API: what each request means, and how the answer is spelled."""
