"""The task: models trained on synthetic rows, judged by real ones; rankings, fairness, augmentation.

`problem` poses what is predicted from what, `learning` trains and judges, `measuring` makes the
figures. What may not happen here: judging by rows that taught, but for TSTS, which is told apart.
"""

from understudy.evaluate.task.measuring import TASK, as_good_as, task_figures

__all__ = ["TASK", "as_good_as", "task_figures"]
