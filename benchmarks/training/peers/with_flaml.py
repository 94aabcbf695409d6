"""FLAML's AutoML, told the budget, the metric and the cores."""

import pandas as pd
from bench_job import Job, Model, as_shares, run, size_of
from flaml import AutoML

CORES = 2


def fit(job: Job) -> Model:
    train, test = job.train(), job.test()
    x, y = train.drop(columns=job.target), train[job.target]
    if job.is_classification:
        y = y.astype(str)
    automl = AutoML()
    automl.fit(
        x,
        y,
        task="classification" if job.is_classification else "regression",
        metric={"log_loss": "log_loss", "rmse": "rmse"}[job.metric],
        time_budget=job.left_s,
        n_jobs=CORES,
        seed=job.seed,
        verbose=0,
        log_file_name="",
    )
    if automl.best_estimator is None:
        raise RuntimeError("FLAML found no model within the budget")
    one = test.iloc[:1]

    def predict() -> pd.DataFrame:
        if not job.is_classification:
            return pd.DataFrame({"prediction": automl.predict(test)})
        return as_shares(automl.predict(test), automl.classes_, automl.predict_proba(test))

    ask = automl.predict_proba if job.is_classification else automl.predict
    note = f"best {automl.best_estimator}"
    return Model(predict, lambda: ask(one), lambda: size_of(automl.model), ("flaml",), note)


if __name__ == "__main__":
    run(fit)
