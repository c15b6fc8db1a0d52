from tests.http.test_docs import serving
from voice.config import Settings


async def test_every_engine_is_listed_once_and_found_by_its_id():
    async with serving(Settings()) as client:
        models = (await client.get("/v1/models")).json()
        assert models["object"] == "list"
        ids = [model["id"] for model in models["data"]]
        assert sorted(ids) == sorted(set(ids))
        assert "fake" in ids
        for model in models["data"]:
            assert (await client.get(f"/v1/models/{model['id']}")).json() == model


async def test_a_model_that_is_not_there_is_named_with_the_nearest():
    async with serving(Settings()) as client:
        response = await client.get("/v1/models/owner/fakes")
        error = response.json()["error"]
    assert response.status_code == 404
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "owner/fakes" in error["message"]
