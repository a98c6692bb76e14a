"""What runs inside a task's process. Started by path, so that nothing of Flask is imported
there.
"""
