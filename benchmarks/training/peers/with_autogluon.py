"""AutoGluon's TabularPredictor: its default preset and `best_quality`, told the budget, the metric and the cores.

Its rehearsal for choosing the depth of stacking is off: it takes a quarter of the time and, where that is short, ends
the whole fit with an error.
"""

import pandas as pd
from autogluon.tabular import TabularPredictor
from bench_job import Job, Model, as_shares, folder_bytes, run

PRESETS = {"autogluon": "medium_quality", "autogluon-best": "best_quality"}
METRICS = {"log_loss": "log_loss", "rmse": "root_mean_squared_error", "accuracy": "accuracy"}
CORES = 2


def fit(job: Job) -> Model:
    train, test = job.train(), job.test()
    if job.is_classification:
        train[job.target] = train[job.target].astype(str)
    path = job.work / "autogluon"
    predictor = TabularPredictor(job.target, eval_metric=METRICS[job.metric], path=str(path), verbosity=1)
    predictor.fit(
        train,
        time_limit=job.left_s,
        presets=PRESETS[job.contender],
        dynamic_stacking=False,
        num_cpus=CORES,
        num_gpus=0,
    )
    one = test.iloc[:1]

    def predict() -> pd.DataFrame:
        predictor.persist()  # its manual's advice for quick predictions
        if not job.is_classification:
            return pd.DataFrame({"prediction": predictor.predict(test)})
        shares = predictor.predict_proba(test)
        return as_shares(predictor.predict(test), shares.columns, shares.to_numpy())

    ask = predictor.predict_proba if job.is_classification else predictor.predict
    note = f"{len(predictor.model_names())} models, best {predictor.model_best}"
    return Model(predict, lambda: ask(one), lambda: folder_bytes(path), ("autogluon.tabular",), note)


if __name__ == "__main__":
    run(fit)
