"""FastAPI as most people write it: a pydantic body, a plain function, ONNX Runtime's own settings, one worker."""

import bench_model
import uvicorn
from bench_model import Model, from_bytes, from_json
from fastapi import FastAPI, Request
from pydantic import BaseModel

app = FastAPI()
model = Model(threads=0)


class Table(BaseModel):
    features: list[float]


class Text(BaseModel):
    text: str


class Answer(BaseModel):
    label: str
    probabilities: list[float]


if bench_model.TASK == "table":

    @app.post("/predict")
    def predict(body: Table) -> Answer:
        return Answer(**model.run([from_json(body.model_dump())])[0])

elif bench_model.TASK == "text":

    @app.post("/predict")
    def predict(body: Text) -> Answer:
        return Answer(**model.run([from_json(body.model_dump())])[0])

else:

    @app.post("/predict")
    async def predict(request: Request) -> Answer:
        return Answer(**model.run([from_bytes(await request.body())])[0])


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=bench_model.PORT, log_level="warning")
