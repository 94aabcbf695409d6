"""Images without any idea of images: the pixels as numbers, with logistic regression."""

import pandas as pd
from bench_images import read_test, read_train
from bench_job import Job, Model, as_shares, run, size_of
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def fit(job: Job) -> Model:
    pixels, labels = read_train(job.folder)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(
        pixels.reshape(len(pixels), -1), labels
    )
    asked = read_test(job.folder).reshape(-1, pixels[0].size)

    def predict() -> pd.DataFrame:
        shares = model.predict_proba(asked)
        return as_shares(model.classes_[shares.argmax(axis=1)], model.classes_, shares)

    return Model(predict, lambda: model.predict_proba(asked[:1]), lambda: size_of(model), ("scikit-learn",))


if __name__ == "__main__":
    run(fit)
