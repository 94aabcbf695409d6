"""What a data scientist tries first on a table: boosted trees, a forest and a linear model, all with their defaults."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from bench_job import Job, Model, as_shares, run, size_of
from catboost import CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, OrdinalEncoder, StandardScaler
from xgboost import XGBClassifier, XGBRegressor

CORES = 2


def fit(job: Job) -> Model:
    train, test = job.train(), job.test()
    x, y = train.drop(columns=job.target), train[job.target]
    classes = None
    if job.is_classification:
        encoder = LabelEncoder().fit(y.astype(str))
        classes, y = encoder.classes_, encoder.transform(y.astype(str))
    words = [name for name in x if x[name].dtype == object]
    if job.contender in NATIVE:
        x, test = _as_categories(x, test, words, with_missing_word=job.contender == "catboost")
    model = CONTENDERS[job.contender](job, x, y, words)

    def predict(rows: pd.DataFrame = test) -> pd.DataFrame:
        if classes is None:
            return pd.DataFrame({"prediction": model.predict(rows)})
        shares = model.predict_proba(rows)
        return as_shares(classes[shares.argmax(axis=1)], classes, shares)

    one = test.iloc[:1]
    ask = model.predict if classes is None else model.predict_proba
    packages = ("scikit-learn", "lightgbm", "xgboost-cpu", "catboost")
    return Model(predict, lambda: ask(one), lambda: size_of(model), packages)


def _as_categories(
    x: pd.DataFrame, test: pd.DataFrame, words: list[str], with_missing_word: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    x, test = x.copy(), test.copy()
    for name in words:
        if with_missing_word:  # CatBoost takes words, but no missing ones
            x[name], test[name] = x[name].fillna("missing"), test[name].fillna("missing")
        else:
            x[name] = x[name].astype("category")
            test[name] = pd.Categorical(test[name], categories=x[name].cat.categories)
    return x, test


def _lightgbm(job: Job, x: pd.DataFrame, y: Any, words: list[str]) -> Any:
    kind = LGBMClassifier if job.is_classification else LGBMRegressor
    return kind(n_jobs=CORES, random_state=job.seed, verbose=-1).fit(x, y)


def _lightgbm_early(job: Job, x: pd.DataFrame, y: Any, words: list[str]) -> Any:
    """Small steps, stopped where a seventh of the rows, held out, no longer gets better."""
    kind = LGBMClassifier if job.is_classification else LGBMRegressor
    model = kind(n_estimators=5000, learning_rate=0.05, n_jobs=CORES, random_state=job.seed, verbose=-1)
    kept = y if job.is_classification else None
    x, x_valid, y, y_valid = train_test_split(x, y, test_size=0.15, random_state=job.seed, stratify=kept)
    return model.fit(x, y, eval_set=[(x_valid, y_valid)], callbacks=[early_stopping(50, verbose=False)])


def _xgboost(job: Job, x: pd.DataFrame, y: Any, words: list[str]) -> Any:
    kind = XGBClassifier if job.is_classification else XGBRegressor
    return kind(enable_categorical=True, n_jobs=CORES, random_state=job.seed).fit(x, y)


def _catboost(job: Job, x: pd.DataFrame, y: Any, words: list[str]) -> Any:
    kind = CatBoostClassifier if job.is_classification else CatBoostRegressor
    settings = {"cat_features": words, "thread_count": CORES, "random_seed": job.seed, "verbose": False}
    return kind(**settings, allow_writing_files=False).fit(x, y)


def _forest(job: Job, x: pd.DataFrame, y: Any, words: list[str]) -> Any:
    kind = RandomForestClassifier if job.is_classification else RandomForestRegressor
    numbers = [name for name in x if name not in words]
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((SimpleImputer(), numbers), (codes, words))
    return make_pipeline(columns, kind(n_jobs=CORES, random_state=job.seed)).fit(x, y)


def _linear(job: Job, x: pd.DataFrame, y: Any, words: list[str]) -> Any:
    numbers = [name for name in x if name not in words]
    flags = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer((make_pipeline(SimpleImputer(), StandardScaler()), numbers), (flags, words))
    head = LogisticRegression(max_iter=2000) if job.is_classification else RidgeCV(alphas=(0.1, 1, 10, 100))
    return make_pipeline(columns, head).fit(x, y)


CONTENDERS: dict[str, Callable[[Job, pd.DataFrame, Any, list[str]], Any]] = {
    "lightgbm": _lightgbm,
    "lightgbm-early": _lightgbm_early,
    "xgboost": _xgboost,
    "catboost": _catboost,
    "forest": _forest,
    "linear": _linear,
}
NATIVE = ("lightgbm", "lightgbm-early", "xgboost", "catboost")  # take words as they are

if __name__ == "__main__":
    run(fit)
