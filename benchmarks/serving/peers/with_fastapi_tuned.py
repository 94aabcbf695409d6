"""FastAPI with everything in the way removed: no pydantic, orjson, one thread per session, a worker per core."""

import bench_model
import orjson
import uvicorn
from bench_model import Model, from_body
from fastapi import FastAPI, Request, Response

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
model = Model()


async def predict(request: Request) -> Response:
    row = from_body(await request.body(), orjson.loads)
    return Response(orjson.dumps(model.run([row])[0]), media_type="application/json")


app.router.add_route("/predict", predict, methods=["POST"])

if __name__ == "__main__":
    uvicorn.run(
        "with_fastapi_tuned:app",
        host="127.0.0.1",
        port=bench_model.PORT,
        workers=bench_model.WORKERS,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
