# Databricks notebook source
spark.table("main.shop.orders").show()
