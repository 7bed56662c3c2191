"""The resting screen: a page with one link, no scripts, and the look of the screen is everybody's again."""

from __future__ import annotations

from bs4 import BeautifulSoup

from tests.browser.stage import Stage
from tests.views.conftest import Visit


def test_it_is_one_link_to_the_first_page(visit: Visit) -> None:
    page = BeautifulSoup(visit().get("/welcome").text, "html.parser")
    assert [link["href"] for link in page.select("a")] == ["/"]
    assert not page.select("script, form, button")
    assert len(page.select(".slide")) == 6
    assert "新办" in page.get_text()


def test_the_next_person_finds_the_usual_look(visit: Visit) -> None:
    client = visit()
    client.post("/settings", data={"elder": "on", "lang": "en", "voice": "on", "low": "on"})
    assert 'class="elder low' in client.get("/").text
    client.get("/welcome")
    page = client.get("/").text
    assert 'lang="zh-CN"' in page
    assert 'class="elder' not in page
    assert 'class="caption"' not in page


def test_nobody_is_sent_to_rest_in_the_middle(stage: Stage, visit: Visit) -> None:
    assert visit(stage.at("term")).get("/welcome").headers["Location"] == "/o"


def test_pages_without_a_visit_rest_and_others_ask_first(stage: Stage, visit: Visit) -> None:
    for path in ("/", "/?find=1", "/s/yiyang/renew"):
        assert 'data-rests="yes"' in visit().get(path).text
    scene = stage.at("term")
    assert 'data-rests="no"' in visit(scene).get(scene.path).text
