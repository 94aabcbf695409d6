"""Texts as most begin: TF-IDF with logistic regression, of words, and of words and pieces of words."""

import pandas as pd
from bench_job import Job, Model, as_shares, run, size_of
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.pipeline import make_pipeline, make_union

CORES = 2


def fit(job: Job) -> Model:
    train, test = job.train(), job.test()
    texts, answers = _joined(train.drop(columns=job.target)), train[job.target].astype(str)
    model = CONTENDERS[job.contender]().fit(texts, answers)
    asked = _joined(test)

    def predict() -> pd.DataFrame:
        shares = model.predict_proba(asked)
        return as_shares(model.classes_[shares.argmax(axis=1)], model.classes_, shares)

    return Model(predict, lambda: model.predict_proba(asked[:1]), lambda: size_of(model), ("scikit-learn",))


def _joined(table: pd.DataFrame) -> list[str]:
    return table.fillna("").astype(str).agg(" ".join, axis=1).tolist()


def _words() -> object:
    counts = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    return make_pipeline(counts, LogisticRegression(C=10, max_iter=1000))


def _characters() -> object:
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True)
    head = LogisticRegressionCV(
        Cs=[1, 4, 16],
        cv=3,
        scoring="neg_log_loss",
        max_iter=300,
        n_jobs=CORES,
        l1_ratios=(0,),
        use_legacy_attributes=False,
    )
    return make_pipeline(make_union(words, pieces), head)


CONTENDERS = {"tfidf-words": _words, "tfidf-characters": _characters}

if __name__ == "__main__":
    run(fit)
