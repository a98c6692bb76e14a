# Databricks notebook source
dbutils.secrets.get("shop", "password")
