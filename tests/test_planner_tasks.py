"""The blueprint of field service jobs against the sandbox: tasks out as jobs; notes, photos and completion back.

Needs Project: ``./dev test apps``.
"""

import re

from odoo import Command
from odoo.tests import tagged

from .common import FlowCase


@tagged("post_install", "-at_install")
class TestPlannerTasks(FlowCase):
    def setUp(self):
        super().setUp()
        if "project.task" not in self.env:
            self.skipTest("Project is not installed")
        self.flows = self.from_blueprint("planner_tasks", {
            "planner": {"base_url": self.shop.url, "auth_secret_input": self.shop.api_key}})
        self.jobs, self.results = self.flows["planner_jobs"], self.flows["planner_job_results"]
        self.tag = self.env["project.tags"].create({"name": "On Site"})

    def call(self, name, body):
        status, _headers, answer = self.shop.call("POST", f"/planner/v1/{name}?key={self.shop.api_key}", body)
        self.assertEqual((status, answer["success"]), (200, True), answer)
        return answer

    def task(self, name="Mount lamps", hour=9, **vals):
        partner = self.env["res.partner"].create({
            "name": "Ann", "street": "Rue Haute 1", "zip": "1000", "city": "Brussels",
            "country_id": self.env.ref("base.be").id})
        return self.env["project.task"].create({
            "name": name, "project_id": self.env["project.project"].create({"name": "Service"}).id, "partner_id": partner.id,
            "date_deadline": f"2027-01-04 {hour:02d}:00:00", "allocated_hours": 1.5, "tag_ids": self.tag.ids, **vals})

    def job(self, task):
        return self.call("get_orders", {"orders": [{"orderNo": f"TASK-{task.id}"}]})["orders"][0]

    def messages(self, task):
        return [str(message.body) for message in task.message_ids.sorted("id") if message.message_type == "comment"]

    def test_a_task_becomes_one_job(self):
        self.shop.fault("cut_after", method="POST", path="/create_order")
        task, inside = self.task(), self.task(tag_ids=False)
        for _ in range(3):
            self.work(self.jobs.connection_id)
            self.make_due(self.jobs)
        job = self.job(task)
        self.assertSyncs(self.jobs, {job["id"]: "synced"})
        self.assertEqual((job["data"]["date"], job["data"]["duration"], job["data"]["type"], job["data"]["notes"]),
                         ("2027-01-04", 90, "T", "Mount lamps"))
        self.assertEqual(job["data"]["location"]["address"], "Rue Haute 1, 1000 Brussels, Belgium")
        self.assertEqual(self.shop.counts()["doubled"], {})
        self.assertFalse(self.job(inside)["success"], "a task of the office is nobody's drive")
        task.date_deadline = "2027-01-05 14:00:00"
        self.work(self.jobs.connection_id)
        self.assertEqual((self.job(task)["data"]["date"], self.job(task)["data"]["timeWindows"]),
                         ("2027-01-05", [{"twFrom": "12:00", "twTo": "18:00"}]))
        task.state = "1_canceled"
        self.work(self.jobs.connection_id)
        self.assertFalse(self.job(task)["success"], "nobody drives to a task that was cancelled")

    def test_what_happened_comes_back(self):
        task, other = self.task(), self.task("Repair")
        self.work(self.jobs.connection_id)
        self.call("start_planning", {"date": "2027-01-04"})
        dana = self.env["res.users"].create({"name": "Dana Driver", "login": "dana"})
        self.env["integration.value.map"].search([("code", "=", "planner_drivers")]).line_ids = [
            Command.create({"external_value": "001", "res_id": dana.id})]
        for _ in range(2):
            self.run_flow(self.results)
        [message], [of_other] = self.messages(task), self.messages(other)
        stop = re.compile(r"Driver: Dana Driver, stop (\d), 2027-01-04 08:0\1:00")
        self.assertEqual(sorted(stop.search(text)[1] for text in (message, of_other)), ["1", "2"])
        self.assertEqual(task.user_ids, dana)
        self.call("sandbox/drive", {
            "orderNo": f"TASK-{task.id}", "status": "success", "note": "All <b>lamps</b> are up",
            "images": ["/planner/v1/photos?name=lamp", "http://pod.example.com/2.jpg"]})
        self.call("sandbox/drive", {"orderNo": f"TASK-{other.id}", "status": "failed", "note": "Nobody home"})
        for _ in range(2):
            self.run_flow(self.results)
        self.assertEqual(len(self.messages(task)), 2, "each note once")
        self.assertIn("All &lt;b&gt;lamps", self.messages(task)[-1])
        self.assertEqual(task.state, "1_done")
        photo = self.env["ir.attachment"].search([("res_model", "=", "project.task"), ("res_id", "=", task.id)])
        self.assertEqual((photo.name, photo.mimetype), ("Photo 1.png", "image/png"))
        self.assertEqual(other.state, "01_in_progress")
        self.assertIn("Nobody home", self.messages(other)[-1])
