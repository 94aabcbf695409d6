"""Daily sales of some shops through HTTP and real processes: upload → train → deploy → forecast → batch."""

import csv

import pytest

from tests.road import Road
from tests.workers.train.series_data import shop_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def road(stack):
    return Road(stack, stack.bootstrap("Shops", "shops@example.com"))


@pytest.fixture(scope="module")
def version(road, tmp_path_factory):
    file = tmp_path_factory.mktemp("shops") / "sales.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["date", "shop", "sales"])
        writer.writerows([when.date(), shop, f"{sales:.3f}"] for when, shop, sales in shop_rows(3, 70))
    return road.upload(file, name="Sales")


@pytest.fixture(scope="module")
def endpoint(road, version):
    options = {"horizon": 7, "series_column": "shop"}
    families = ["exponential_smoothing"]
    run, endpoint = road.served(version, "sales", task="forecasting", families=families, options=options)
    assert run["metrics"]["mase"] < run["baseline"]["mase"]
    return endpoint


def test_the_upload_is_known_to_be_series(version):
    assert (version["inferred_task"], version["inferred_target"]) == ("forecasting", "sales")


def test_a_series_is_forecast_by_name_and_by_its_latest_values(road, endpoint):
    values = [sales for _, shop, sales in shop_rows(3, 70) if shop == "shop 1"]
    rows = [{"series": "shop 1"}, {"history": values, "last_time": "2024-03-10", "horizon": 3}]
    named, sent = (prediction["forecast"] for prediction in road.predictions(endpoint["name"], rows))
    assert [step["step"] for step in named] == [1, 2, 3, 4, 5, 6, 7]
    assert all(step["lower"] <= step["value"] <= step["upper"] for step in named)
    assert [step["value"] for step in sent] == pytest.approx([step["value"] for step in named[:3]], rel=1e-4)
    assert road.ask(endpoint["name"], [{"series": "nobody"}]).status_code == 422
    wrong = road.ask(endpoint["name"], [{"history": [1, "two"]}])
    assert wrong.json()["errors"][0]["location"] == "rows[0].history[1]"


def test_a_batch_forecasts_every_line(road, endpoint):
    lines = b"series,history\nshop 0,\n,1;2;3;4;5;6;7;8\nnobody,\n"
    done, (known, sent, unknown) = road.batch(endpoint["name"], lines)
    assert (done["rows_done"], done["rows_failed"]) == (3, 1)
    assert float(known["lower_7"]) <= float(known["value_7"]) <= float(known["upper_7"])
    assert float(sent["value_1"]) >= 0
    assert "not known" in unknown["error"]
