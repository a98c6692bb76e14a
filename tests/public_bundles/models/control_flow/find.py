# Databricks notebook source
cities = ["Oslo", "Rome"]
dbutils.jobs.taskValues.set("cities", cities)
dbutils.jobs.taskValues.set("count", len(cities))
